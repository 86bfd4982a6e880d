"""Container components: placeholders in command and arguments."""

from typing import List, Optional

from kfp import dsl

from steps import IMAGE, make_dataset, make_text


@dsl.container_component
def nothing():
    return dsl.ContainerSpec(image=IMAGE)


@dsl.container_component
def only_command():
    return dsl.ContainerSpec(image=IMAGE, command=["true"])


@dsl.container_component
def artifact_members(data: dsl.Input[dsl.Dataset], model: dsl.Output[dsl.Model], size: dsl.OutputPath(int)):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["sh", "-c", "true"],
        args=[
            "--data-path",
            data.path,
            "--data-uri",
            data.uri,
            f"--both={data.uri}:{data.path}",
            "--model-path",
            model.path,
            "--model-uri",
            model.uri,
            "--size-path",
            size,
        ],
    )


@dsl.container_component
def artifact_metadata(data: dsl.Input[dsl.Dataset], model: dsl.Output[dsl.Model]):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["echo"],
        args=[data.metadata, data.metadata["rows"], model.metadata, model.metadata["name"]],
    )


@dsl.container_component
def concatenated(text: str, number: int, items: List[int], flag: bool):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["echo"],
        args=[
            dsl.ConcatPlaceholder(["--text=", text, ";number=", number]),
            dsl.ConcatPlaceholder([dsl.ConcatPlaceholder(["items=", items]), dsl.ConcatPlaceholder([" flag=", flag])]),
        ],
    )


@dsl.container_component
def if_present(data: Optional[dsl.Input[dsl.Dataset]] = None, text: Optional[str] = None, number: int = 3):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["echo", "begin"],
        args=[
            dsl.IfPresentPlaceholder(input_name="data", then=["--data", data.path], else_=["--no-data"]),
            dsl.IfPresentPlaceholder(input_name="text", then=[dsl.ConcatPlaceholder(["--text=", text])]),
            dsl.IfPresentPlaceholder(
                input_name="number", then=["--number", number], else_=["never"]
            ),
        ],
    )


@dsl.container_component
def concat_around_if(text: Optional[str] = None, prefix: str = "pre"):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["echo"],
        args=[
            dsl.ConcatPlaceholder([
                prefix,
                "-",
                dsl.IfPresentPlaceholder(input_name="text", then=dsl.ConcatPlaceholder(["<", text, ">"]), else_="none"),
            ]),
        ],
    )


@dsl.container_component
def facts():
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["echo"],
        args=[
            dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
            dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER,
            dsl.PIPELINE_JOB_ID_PLACEHOLDER,
            dsl.PIPELINE_TASK_NAME_PLACEHOLDER,
            dsl.PIPELINE_TASK_ID_PLACEHOLDER,
            dsl.PIPELINE_ROOT_PLACEHOLDER,
            dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER,
            dsl.PIPELINE_JOB_SCHEDULE_TIME_UTC_PLACEHOLDER,
            dsl.PIPELINE_TASK_EXECUTOR_OUTPUT_PATH_PLACEHOLDER,
            dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        ],
    )


@dsl.pipeline
def container_bare():
    nothing()
    only_command()


@dsl.pipeline
def container_artifact_members():
    artifact_members(data=make_dataset().outputs["data"])


@dsl.pipeline
def container_artifact_metadata():
    artifact_metadata(data=make_dataset().outputs["data"])


@dsl.pipeline
def container_concat(text: str = "t", number: int = 12345678):
    concatenated(text=text, number=number, items=[1, 2], flag=True)


@dsl.pipeline
def container_if_present():
    if_present()
    if_present(data=make_dataset().outputs["data"], text="given", number=4)
    concat_around_if()
    concat_around_if(text=make_text().output)


@dsl.pipeline
def container_facts():
    facts()


PIPELINES = [
    container_bare,
    container_artifact_members,
    container_artifact_metadata,
    container_concat,
    container_if_present,
    container_facts,
]
