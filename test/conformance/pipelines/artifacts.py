"""Artifacts: every type, lists, metrics, metadata, custom paths, Python style."""

from typing import List, NamedTuple

from kfp import dsl
from kfp.dsl import (
    HTML,
    Artifact,
    ClassificationMetrics,
    Dataset,
    Input,
    Markdown,
    Metrics,
    Model,
    Output,
    SlicedClassificationMetrics,
)

from steps import IMAGE, make_dataset, read_dataset


@dsl.component
def make_every_type(
    artifact: Output[Artifact],
    dataset: Output[Dataset],
    model: Output[Model],
    metrics: Output[Metrics],
    html: Output[HTML],
    markdown: Output[Markdown],
):
    model.metadata["framework"] = "none"


@dsl.component
def read_every_type(
    artifact: Input[Artifact],
    dataset: Input[Dataset],
    model: Input[Model],
    metrics: Input[Metrics],
    html: Input[HTML],
    markdown: Input[Markdown],
):
    print(model.metadata)


@dsl.component
def make_metrics(scalars: Output[Metrics], curve: Output[ClassificationMetrics], slices: Output[SlicedClassificationMetrics]):
    scalars.log_metric("accuracy", 0.9)
    curve.log_roc_curve([0.0, 1.0], [0.0, 1.0], [1.0, 0.0])
    slices.load_roc_readings("a", [[0.5, 1.0, 0.0]])


@dsl.component
def read_any(data: Input[Artifact]):
    print(data.uri)


@dsl.component
def read_dataset_list(data: Input[List[Dataset]]):
    print([one.metadata for one in data])


@dsl.component
def make_in_python(rows: int = 2) -> Dataset:
    return Dataset(uri=dsl.get_uri(), metadata={"rows": rows})


@dsl.component
def make_two_in_python() -> NamedTuple("Outputs", [("data", Dataset), ("model", Model), ("count", int)]):
    return (Dataset(uri=dsl.get_uri("data")), Model(uri=dsl.get_uri("model")), 2)


@dsl.component
def make_at_custom_path(data: Output[Dataset]):
    data.custom_path = "/tmp/custom/data"
    with open(data.path, "w") as file:
        file.write("custom")


@dsl.container_component
def with_long_names(
    a_rather_long_name_of_an_input_artifact_of_this_component: Input[Dataset],
    a_rather_long_name_of_an_output_artifact_of_this_component: Output[Dataset],
):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["cp"],
        args=[
            a_rather_long_name_of_an_input_artifact_of_this_component.path,
            a_rather_long_name_of_an_output_artifact_of_this_component.path,
        ],
    )


@dsl.pipeline
def artifact_types():
    made = make_every_type()
    read_every_type(
        artifact=made.outputs["artifact"],
        dataset=made.outputs["dataset"],
        model=made.outputs["model"],
        metrics=made.outputs["metrics"],
        html=made.outputs["html"],
        markdown=made.outputs["markdown"],
    )


@dsl.pipeline
def artifact_metrics():
    made = make_metrics()
    read_any(data=made.outputs["scalars"])
    read_any(data=made.outputs["curve"])


@dsl.pipeline
def make_dataset_list() -> List[Dataset]:
    with dsl.ParallelFor(["a", "b"]) as seed:
        made = make_dataset(seed=seed)
    return dsl.Collected(made.outputs["data"])


@dsl.pipeline
def pass_dataset_list(data: Input[List[Dataset]]):
    read_dataset_list(data=data)


@dsl.pipeline
def artifact_lists() -> List[Dataset]:
    made = make_dataset_list()
    read_dataset_list(data=made.output)
    pass_dataset_list(data=made.output)
    return made.output


@dsl.pipeline
def artifact_python_style() -> Dataset:
    made = make_in_python()
    read_dataset(data=made.output)
    both = make_two_in_python()
    read_dataset(data=both.outputs["data"])
    read_any(data=both.outputs["model"])
    return made.output


@dsl.pipeline
def artifact_custom_path():
    read_dataset(data=make_at_custom_path().outputs["data"])


@dsl.pipeline
def artifact_long_names():
    with_long_names(a_rather_long_name_of_an_input_artifact_of_this_component=make_dataset().outputs["data"])


PIPELINES = [
    artifact_types,
    artifact_metrics,
    artifact_lists,
    artifact_python_style,
    artifact_custom_path,
    artifact_long_names,
]
