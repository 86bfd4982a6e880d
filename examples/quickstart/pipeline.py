"""Finds a good classifier for iris flowers: the pipeline of the quickstart.

Every step is a container component that needs `sh` and `node`, nothing else: its program is one of the files in
components/, put into the command when the pipeline is compiled, so that the compiled file runs anywhere.

Compile with `python pipeline.py`; ../README.md says which SDK to install.
"""

from pathlib import Path
from typing import List, NamedTuple

from kfp import compiler, dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Model, Output, OutputPath

HERE = Path(__file__).resolve().parent
IMAGE = "node:24-bookworm-slim"
EXECUTOR_INPUT = "{{$}}"  # becomes the executor input as JSON; the SDK has no name for it in container components


def node(script: str, **flags) -> dsl.ContainerSpec:
    """A step that runs components/`script` with `--name value` for each flag."""
    source = (HERE / "components" / script).read_text(encoding="utf-8")
    args = [arg for name, value in flags.items() for arg in ("--" + name.replace("_", "-"), value)]
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["node", "--input-type=module", "--eval", source, "--"],
        args=args,
    )


@dsl.container_component
def load(table: Output[Dataset], rows: OutputPath(int)):
    csv = (HERE / "data" / "iris.csv").read_text(encoding="utf-8")
    return node("load.js", csv=csv, table=table.path, rows=rows)


@dsl.container_component
def split(
    table: Input[Dataset],
    holdout: float,
    seed: int,
    train: Output[Dataset],
    validation: Output[Dataset],
    test: Output[Dataset],
):
    return node(
        "split.js",
        table=table.path,
        holdout=holdout,
        seed=seed,
        train=train.path,
        validation=validation.path,
        test=test.path,
    )


@dsl.container_component
def classify(
    known: Input[Dataset],
    unknown: Input[Dataset],
    k: int,
    model: Output[Model],
    predictions: Output[Artifact],
    metrics: Output[Metrics],
    accuracy: OutputPath(float),
):
    return node(
        "classify.js",
        known=known.path,
        unknown=unknown.path,
        k=k,
        model=model.path,
        predictions=predictions.path,
        accuracy=accuracy,
        executor_input=EXECUTOR_INPUT,
    )


@dsl.container_component
def choose(candidates: List[int], accuracies: List[float], ranking: Output[Artifact], best_k: OutputPath(int)):
    return node(
        "choose.js", candidates=candidates, accuracies=accuracies, ranking=ranking.path, best_k=best_k
    )


@dsl.container_component
def report(
    k: int,
    accuracy: float,
    min_accuracy: float,
    ranking: Input[Artifact],
    predictions: Input[Artifact],
    html: Output[HTML],
):
    return node(
        "report.js",
        k=k,
        accuracy=accuracy,
        min_accuracy=min_accuracy,
        ranking=ranking.path,
        predictions=predictions.path,
        report=html.path,
    )


@dsl.container_component
def explain(k: int, accuracy: float, min_accuracy: float, predictions: Input[Artifact], html: Output[HTML]):
    return node(
        "explain.js",
        k=k,
        accuracy=accuracy,
        min_accuracy=min_accuracy,
        predictions=predictions.path,
        report=html.path,
    )


@dsl.container_component
def announce(k: int, accuracy: float, html: Input[HTML]):
    return node("announce.js", k=k, accuracy=accuracy, report=html.uri)


class Outputs(NamedTuple):
    best_k: int
    accuracy: float
    report: HTML


@dsl.pipeline(
    name="iris-quickstart",
    description="Finds how many neighbours to ask to tell three species of iris apart.",
)
def iris_quickstart(
    candidates: List[int] = [1, 5, 9, 25, 50],
    holdout: float = 0.2,
    seed: int = 5,
    min_accuracy: float = 0.95,
) -> Outputs:
    """Loads the iris table, tries several classifiers and reports on the best one.

    Args:
        candidates: Numbers of neighbours to try.
        holdout: Share of the flowers to choose with, and again to test on; the rest is learned from.
        seed: Decides which flower is in which part.
        min_accuracy: Share of the test flowers that the best classifier must get right to be accepted.
    """
    loaded = load()
    parts = split(table=loaded.outputs["table"], holdout=holdout, seed=seed)

    with dsl.ParallelFor(items=candidates) as k:
        tried = classify(known=parts.outputs["train"], unknown=parts.outputs["validation"], k=k)
        tried.set_display_name("try")

    chosen = choose(candidates=candidates, accuracies=dsl.Collected(tried.outputs["accuracy"]))
    best_k = chosen.outputs["best_k"]

    tested = classify(known=parts.outputs["train"], unknown=parts.outputs["test"], k=best_k)
    tested.set_display_name("test")
    accuracy = tested.outputs["accuracy"]

    with dsl.If(accuracy >= min_accuracy, name="accepted"):
        accepted = report(
            k=best_k,
            accuracy=accuracy,
            min_accuracy=min_accuracy,
            ranking=chosen.outputs["ranking"],
            predictions=tested.outputs["predictions"],
        )
    with dsl.Else(name="rejected"):
        rejected = explain(
            k=best_k,
            accuracy=accuracy,
            min_accuracy=min_accuracy,
            predictions=tested.outputs["predictions"],
        )
    html = dsl.OneOf(accepted.outputs["html"], rejected.outputs["html"])

    # Telling people is the purpose of this task: it must happen in every run.
    announce(k=best_k, accuracy=accuracy, html=html).set_caching_options(False)

    return Outputs(best_k=best_k, accuracy=accuracy, report=html)


if __name__ == "__main__":
    compiler.Compiler().compile(iris_quickstart, str(HERE / "pipeline.yaml"))
