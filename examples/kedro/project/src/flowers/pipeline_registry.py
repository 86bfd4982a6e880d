"""The pipelines of the project."""

from kedro.pipeline import Node, Pipeline

from .nodes import evaluate, fit, list_files, report, split


def register_pipelines() -> dict[str, Pipeline]:
    flowers = Pipeline(
        [
            Node(split, ["flowers", "params:seed"], ["training_rows", "test_rows"], name="split"),
            Node(fit, "training_rows", "centres", name="fit"),
            Node(evaluate, ["centres", "test_rows"], "accuracy", name="evaluate"),
            Node(report, "accuracy", None, name="report"),
        ]
    )
    on_exit = Pipeline([Node(list_files, "flowers", None, name="list_files")])
    return {"__default__": flowers, "on_exit": on_exit}
