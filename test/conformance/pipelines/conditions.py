"""Conditions: If, Elif, Else, nested, in loops, and what comes out of their branches."""

from kfp import dsl

from steps import IMAGE, count, make_dataset, make_number, make_text, read_dataset, say, say_both


@dsl.container_component
def make_word(word: dsl.OutputPath(str), seed: str):
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", 'printf %s "$0" > "$1"'], args=[seed, word])


@dsl.pipeline
def condition_on_a_parameter(mode: str = "full", level: int = 3):
    with dsl.If(mode == "full", name="full mode"):
        say(text="full")
    with dsl.If(level > 5):
        say(text="never")


@dsl.pipeline
def condition_if_else():
    made = make_text()
    with dsl.If(made.output == "stub-text"):
        say(text="as expected")
    with dsl.Else():
        say(text="something else")


@dsl.pipeline
def condition_elif_chain(level: int = 2):
    with dsl.If(level == 1):
        say(text="one")
    with dsl.Elif(level == 2):
        say(text="two")
    with dsl.Elif(level == 3):
        say(text="three")
    with dsl.Else():
        say(text="many")


@dsl.pipeline
def condition_operators(text: str = "a text", number: int = -3, fraction: float = 2.5, flag: bool = True):
    made = make_number()
    with dsl.If(text != "other"):
        say(text="unequal")
    with dsl.If(number < made.output):
        say(text="less")
    with dsl.If(number <= -3):
        say(text="at most")
    with dsl.If(fraction > 2.4999):
        say(text="more")
    with dsl.If(made.output >= 8):
        say(text="at least: never")
    with dsl.If(flag == True):  # noqa: E712
        say(text="true")
    with dsl.If("a text" == text):
        say(text="quoted")


@dsl.pipeline
def condition_nested(mode: str = "full"):
    made = make_number()
    with dsl.If(mode == "full"):
        first = make_text()
        with dsl.If(made.output == 7):
            say(text=first.output)
            with dsl.If(first.output == "other"):
                say(text="never")
    with dsl.Else():
        with dsl.If(made.output == 7):
            say(text="never either")


@dsl.pipeline
def condition_in_a_loop():
    with dsl.ParallelFor([1, 2, 3]) as item:
        with dsl.If(item == 2):
            count(number=item)
        with dsl.Else():
            say(text="other")


@dsl.pipeline
def condition_one_of_parameters(mode: str = "b") -> str:
    with dsl.If(mode == "a"):
        first = make_text(seed="a")
    with dsl.Elif(mode == "b"):
        second = make_text(seed="b")
    with dsl.Else():
        third = make_text(seed="c")
    chosen = dsl.OneOf(first.output, second.output, third.output)
    say(text=chosen)
    return chosen


@dsl.pipeline
def condition_one_of_artifacts(mode: str = "b") -> dsl.Dataset:
    with dsl.If(mode == "a"):
        first = make_dataset(seed="a")
    with dsl.Else():
        second = make_dataset(seed="b")
    chosen = dsl.OneOf(first.outputs["data"], second.outputs["data"])
    read_dataset(data=chosen)
    return chosen


@dsl.pipeline
def one_of_two(level: int) -> str:
    with dsl.If(level == 1):
        first = make_word(seed="one")
    with dsl.Else():
        second = make_word(seed="many")
    return dsl.OneOf(first.output, second.output)


@dsl.pipeline
def condition_one_of_nested(mode: str = "b", level: int = 2) -> str:
    with dsl.If(mode == "a"):
        first = make_text(seed="a")
    with dsl.Else():
        second = one_of_two(level=level)
    chosen = dsl.OneOf(first.output, second.output)
    say(text=chosen)
    return chosen


@dsl.pipeline
def condition_skips_a_loop(mode: str = "none"):
    with dsl.If(mode == "all"):
        made = make_text()
        with dsl.ParallelFor(["a", "b"]) as item:
            say_both(first=item, second=made.output)


PIPELINES = [
    condition_on_a_parameter,
    condition_if_else,
    condition_elif_chain,
    condition_operators,
    condition_nested,
    condition_in_a_loop,
    condition_one_of_parameters,
    condition_one_of_artifacts,
    condition_one_of_nested,
    condition_skips_a_loop,
]
