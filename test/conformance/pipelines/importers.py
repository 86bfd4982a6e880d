"""Importers: where the URI comes from, metadata, reimport, images, workspace."""

from typing import Dict

from kfp import dsl

from steps import IMAGE, read_dataset, say


@dsl.component
def read_model(model: dsl.Input[dsl.Model]):
    print(model.path)


@dsl.container_component
def make_uri(uri: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", 'printf s3://bucket/made > "$0"'], args=[uri])


@dsl.pipeline
def importer_of_a_constant():
    imported = dsl.importer(artifact_uri="s3://bucket/data/file.csv", artifact_class=dsl.Dataset)
    read_dataset(data=imported.output)


@dsl.pipeline
def importer_of_a_parameter(uri: str = "gs://bucket/model", label: str = "l"):
    imported = dsl.importer(
        artifact_uri=uri,
        artifact_class=dsl.Model,
        metadata={"label": label, f"key {label}": "v", "text": f"a {label} b", "nested": {"deep": [label, 1, True]}},
    )
    read_model(model=imported.output)


@dsl.pipeline
def importer_of_an_output():
    made = make_uri()
    imported = dsl.importer(artifact_uri=made.output, artifact_class=dsl.Dataset, metadata={"made": made.output})
    read_dataset(data=imported.output)


@dsl.pipeline
def importer_with_metadata():
    imported = dsl.importer(
        artifact_uri="minio://bucket/data",
        artifact_class=dsl.Dataset,
        metadata={"text": "t", "number": 1, "fraction": 1.5, "flag": True, "items": [1, "a"], "fields": {"a": {"b": 1}}},
    )
    read_dataset(data=imported.output)


@dsl.pipeline
def importer_reimport():
    imported = dsl.importer(artifact_uri="s3://bucket/data", artifact_class=dsl.Dataset, reimport=True)
    read_dataset(data=imported.output)


@dsl.pipeline
def importer_of_an_image():
    imported = dsl.importer(artifact_uri="oci://registry.example.org/models/one:1", artifact_class=dsl.Model)
    read_model(model=imported.output)


@dsl.pipeline(pipeline_config=dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi")))
def importer_into_the_workspace():
    imported = dsl.importer(
        artifact_uri="s3://bucket/data", artifact_class=dsl.Dataset, download_to_workspace=True
    )
    read_dataset(data=imported.output)


@dsl.pipeline
def importer_in_a_loop():
    with dsl.ParallelFor(["s3://bucket/a", "s3://bucket/b"]) as uri:
        imported = dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset)
        read_dataset(data=imported.output)


@dsl.pipeline
def importer_in_a_condition(mode: str = "import"):
    with dsl.If(mode == "import"):
        imported = dsl.importer(artifact_uri="s3://bucket/a", artifact_class=dsl.Dataset)
        read_dataset(data=imported.output)
    with dsl.Else():
        say(text="never")


PIPELINES = [
    importer_of_a_constant,
    importer_of_a_parameter,
    importer_of_an_output,
    importer_with_metadata,
    importer_reimport,
    importer_of_an_image,
    importer_into_the_workspace,
    importer_in_a_loop,
    importer_in_a_condition,
]
