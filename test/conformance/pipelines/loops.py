"""Loops: what they run over, nested, limited, and what is collected from them."""

from typing import Dict, List

from kfp import dsl

from steps import (
    IMAGE,
    convert_dataset,
    count,
    make_dataset,
    make_list,
    make_number,
    make_text,
    read_dataset,
    read_datasets,
    say,
    say_both,
    show_list,
)


@dsl.container_component
def show_numbers(numbers: List[int]):
    return dsl.ContainerSpec(image=IMAGE, command=["echo"], args=[numbers])


@dsl.container_component
def say_three(first: str, second: int, third: str):
    return dsl.ContainerSpec(image=IMAGE, command=["echo"], args=[first, second, third])


@dsl.container_component
def join(first: str, second: str, text: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", 'printf %s "$0$1" > "$2"'], args=[first, second, text])


@dsl.container_component
def join_as_dataset(first: str, second: str, data: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", 'printf %s "$0$1" > "$2"'], args=[first, second, data.path])


@dsl.component
def show_lists(lists: List[List[str]]):
    print(lists)


@dsl.component
def make_structs() -> List[Dict[str, str]]:
    return [{"who": "a", "size": "1"}]


@dsl.pipeline
def make_datasets() -> List[dsl.Dataset]:
    with dsl.ParallelFor(["a", "b"]) as seed:
        made = make_dataset(seed=seed)
    return dsl.Collected(made.outputs["data"])


@dsl.pipeline
def loop_over_constants():
    with dsl.ParallelFor(["a", "b", "c"], name="letters") as letter:
        say(text=letter)
    with dsl.ParallelFor([1.5, 2.5]) as number:
        say(text=f"number {number}")


@dsl.pipeline
def loop_over_a_parameter(names: List[str] = ["a", "b"]):
    with dsl.ParallelFor(names) as name:
        say(text=name)


@dsl.pipeline
def loop_over_an_output():
    made = make_list()
    with dsl.ParallelFor(made.output) as item:
        say(text=f"item {item} of the list")


@dsl.pipeline
def loop_over_nothing(names: List[str] = []):
    with dsl.ParallelFor(names) as name:
        made = make_text(seed=name)
    show_list(items=dsl.Collected(made.output))


@dsl.pipeline
def loop_over_members(people: List[Dict[str, str]] = [{"who": "c"}]):
    with dsl.ParallelFor([{"who": "a", "size": "1"}, {"who": "b", "size": "2"}]) as person:
        say_both(first=person.who, second=person.size)
    with dsl.ParallelFor(people) as person:
        say(text=person.who)
    with dsl.ParallelFor(make_structs().output) as person:
        say(text=person.who)


@dsl.pipeline
def loop_nested():
    with dsl.ParallelFor(["a", "b"]) as outer:
        made = make_text(seed=outer)
        with dsl.ParallelFor([1, 2]) as inner:
            say_three(first=outer, second=inner, third=made.output)


@dsl.pipeline
def loop_over_a_list_of_lists():
    with dsl.ParallelFor([["a", "b"], ["c"]]) as row:
        with dsl.ParallelFor(row) as cell:
            say(text=cell)


@dsl.pipeline
def loop_with_parallelism():
    with dsl.ParallelFor([1, 2, 3, 4], parallelism=2) as item:
        count(number=item)


@dsl.pipeline
def loop_collected_parameters() -> List[int]:
    with dsl.ParallelFor([1, 2, 3]) as item:
        made = make_number(seed=item)
    show_numbers(numbers=dsl.Collected(made.output))
    return dsl.Collected(made.output)


@dsl.pipeline
def loop_collected_artifacts() -> List[dsl.Dataset]:
    with dsl.ParallelFor(["a", "b"]) as item:
        made = make_dataset(seed=item)
        converted = convert_dataset(source=made.outputs["data"])
    read_datasets(data=dsl.Collected(converted.outputs["data"]))
    return dsl.Collected(made.outputs["data"])


@dsl.pipeline
def loop_collected_nested_parameters():
    with dsl.ParallelFor(["a", "b"]) as outer:
        with dsl.ParallelFor(["1", "2"]) as inner:
            made = join(first=outer, second=inner)
        show_list(items=dsl.Collected(made.output))
    show_lists(lists=dsl.Collected(made.output))


@dsl.pipeline
def loop_collected_nested_artifacts():
    with dsl.ParallelFor(["a", "b"]) as outer:
        with dsl.ParallelFor(["1", "2"]) as inner:
            made = join_as_dataset(first=outer, second=inner)
    read_datasets(data=dsl.Collected(made.outputs["data"]))


@dsl.pipeline
def loop_over_artifacts():
    made = make_datasets()
    with dsl.ParallelFor(made.output) as data:
        read_dataset(data=data)


@dsl.pipeline
def loop_in_a_condition(mode: str = "full"):
    with dsl.If(mode == "full"):
        with dsl.ParallelFor(["a", "b"]) as item:
            say(text=item)


@dsl.pipeline
def one_item(item: str) -> str:
    made = make_text(seed=item)
    say(text=made.output)
    return made.output


@dsl.pipeline
def loop_of_pipelines():
    with dsl.ParallelFor(["a", "b"]) as item:
        part = one_item(item=item)
    show_list(items=dsl.Collected(part.output))


PIPELINES = [
    loop_over_constants,
    loop_over_a_parameter,
    loop_over_an_output,
    loop_over_nothing,
    loop_over_members,
    loop_nested,
    loop_over_a_list_of_lists,
    loop_with_parallelism,
    loop_collected_parameters,
    loop_collected_artifacts,
    loop_collected_nested_parameters,
    loop_collected_nested_artifacts,
    loop_over_artifacts,
    loop_in_a_condition,
    loop_of_pipelines,
]
