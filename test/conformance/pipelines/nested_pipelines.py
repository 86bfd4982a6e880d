"""Pipelines as components of pipelines, exit tasks, and tasks that run although something failed."""

from typing import NamedTuple, Optional

from kfp import dsl
from kfp.dsl import PipelineTaskFinalStatus

from steps import IMAGE, convert_dataset, make_dataset, make_text, read_dataset, say


@dsl.container_component
def fail(reason: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", "exit 3"], args=[reason])


@dsl.component
def report(status: PipelineTaskFinalStatus, note: str = "none"):
    print(status, note)


@dsl.container_component
def take_optional_text(text: Optional[str] = "default of the component"):
    return dsl.ContainerSpec(
        image=IMAGE, command=["echo"], args=[dsl.IfPresentPlaceholder(input_name="text", then=[text])]
    )


@dsl.pipeline
def convert(source: dsl.Input[dsl.Dataset], label: str = "inner default") -> NamedTuple(
    "Outputs", [("data", dsl.Dataset), ("text", str)]
):
    converted = convert_dataset(source=source)
    made = make_text(seed=label)
    outputs = NamedTuple("Outputs", [("data", dsl.Dataset), ("text", str)])
    return outputs(converted.outputs["data"], made.output)


@dsl.pipeline
def convert_twice(source: dsl.Input[dsl.Dataset], label: str) -> dsl.Dataset:
    once = convert(source=source, label=label)
    twice = convert(source=once.outputs["data"])
    return twice.outputs["data"]


@dsl.pipeline
def optional_part(text: Optional[str] = None):
    take_optional_text(text=text)
    take_optional_text()


@dsl.pipeline
def same_names(text: str) -> str:
    return make_text(seed=text).output


@dsl.pipeline
def clean_up(note: str = "done"):
    say(text=note)


@dsl.pipeline
def nested_pipeline(label: str = "outer default"):
    made = make_dataset()
    part = convert(source=made.outputs["data"], label=label)
    read_dataset(data=part.outputs["data"])
    say(text=part.outputs["text"])


@dsl.pipeline
def nested_pipeline_deep() -> dsl.Dataset:
    made = make_dataset()
    part = convert_twice(source=made.outputs["data"], label="from the top")
    return part.output


@dsl.pipeline
def nested_pipeline_optional_inputs(text: Optional[str] = None):
    optional_part()
    optional_part(text="given")
    optional_part(text=text)


@dsl.pipeline
def nested_pipeline_same_names():
    first = make_text(seed="outside")
    part = same_names(text=first.output)
    again = same_names(text=part.output)
    say(text=again.output)


@dsl.pipeline
def exit_handler_with_status():
    with dsl.ExitHandler(report(note="over"), name="the work"):
        say(text="work")


@dsl.pipeline
def exit_handler_after_failure(note: str = "failed"):
    with dsl.ExitHandler(report(note=note)):
        failed = fail()
        say(text=failed.output)


@dsl.pipeline
def exit_handlers_several():
    with dsl.ExitHandler(say(text="first over")):
        say(text="first")
    with dsl.ExitHandler(report()):
        with dsl.ParallelFor(["a", "b"]) as item:
            say(text=item)


@dsl.pipeline
def exit_handler_with_pipeline():
    with dsl.ExitHandler(clean_up(note="cleaned")):
        say(text="work")


@dsl.pipeline
def ignore_upstream_failure():
    failed = fail()
    take_optional_text(text=failed.output).ignore_upstream_failure()
    say(text="anyway").after(failed).ignore_upstream_failure()
    say(text="never").after(failed)


PIPELINES = [
    nested_pipeline,
    nested_pipeline_deep,
    nested_pipeline_optional_inputs,
    nested_pipeline_same_names,
    exit_handler_with_status,
    exit_handler_after_failure,
    exit_handlers_several,
    exit_handler_with_pipeline,
    ignore_upstream_failure,
]
