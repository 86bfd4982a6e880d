"""The search for a good iris classifier, with lightweight Python components and scikit-learn.

Every step is a Python function. The SDK puts its source text into the step's command, which installs the packages it
needs and runs it.

Compile with `python pipeline.py`; ../README.md says which SDK to install.
"""

from pathlib import Path
from typing import List, NamedTuple

from kfp import compiler, dsl
from kfp.dsl import HTML, ClassificationMetrics, Dataset, Input, Metrics, Model, Output

HERE = Path(__file__).resolve().parent
IMAGE = "python:3.12-slim"
SCIKIT_LEARN = ["scikit-learn==1.8.0"]


@dsl.component(base_image=IMAGE, packages_to_install=SCIKIT_LEARN)
def split(test_size: float, seed: int, train: Output[Dataset], test: Output[Dataset]):
    """Deals the iris table that scikit-learn brings along to a table to learn from and one to test on."""
    import csv

    from sklearn.datasets import load_iris
    from sklearn.model_selection import train_test_split

    iris = load_iris()
    species = [str(iris.target_names[target]) for target in iris.target]
    rows = [[*map(float, sizes), name] for sizes, name in zip(iris.data, species)]
    parts = train_test_split(rows, test_size=test_size, random_state=seed, stratify=species)

    for artifact, part in zip([train, test], parts):
        with open(artifact.path, "w", newline="") as file:
            csv.writer(file).writerows(part)
        artifact.metadata["rows"] = len(part)
    print(f"{len(parts[0])} flowers to learn from, {len(parts[1])} to test on")


@dsl.component(base_image=IMAGE, packages_to_install=SCIKIT_LEARN)
def train(flowers: Input[Dataset], depth: int, seed: int, model: Output[Model], metrics: Output[Metrics]) -> float:
    """Grows a decision tree of a given depth; returns its cross-validated accuracy."""
    import csv

    import joblib
    from sklearn.model_selection import cross_val_score
    from sklearn.tree import DecisionTreeClassifier

    with open(flowers.path, newline="") as file:
        rows = list(csv.reader(file))
    sizes = [[float(cell) for cell in row[:-1]] for row in rows]
    species = [row[-1] for row in rows]

    tree = DecisionTreeClassifier(max_depth=depth, random_state=seed)
    score = round(float(cross_val_score(tree, sizes, species, cv=5).mean()), 4)
    tree.fit(sizes, species)

    joblib.dump(tree, model.path)
    model.framework = "scikit-learn"
    model.metadata["depth"] = depth
    metrics.log_metric("cross_validated_accuracy", score)
    print(f"depth {depth}: cross-validated accuracy {score}")
    return score


@dsl.component(base_image=IMAGE)
def choose(
    depths: List[int], scores: List[float], models: Input[List[Model]], best: Output[Model]
) -> NamedTuple("Chosen", [("depth", int), ("score", float)]):
    """Hands on the model with the best score; among equals the one listed first."""
    import shutil
    from collections import namedtuple

    position = max(range(len(scores)), key=lambda index: scores[index])
    shutil.copyfile(models[position].path, best.path)
    best.metadata.update(models[position].metadata)
    chosen = namedtuple("Chosen", ["depth", "score"])(int(depths[position]), scores[position])
    print(f"best of {len(scores)}: depth {chosen.depth} with {chosen.score}")
    return chosen


@dsl.component(base_image=IMAGE, packages_to_install=SCIKIT_LEARN)
def evaluate(
    model: Input[Model], flowers: Input[Dataset], metrics: Output[Metrics], confusion: Output[ClassificationMetrics]
) -> float:
    """Tests a model on flowers it has never seen; returns its accuracy."""
    import csv

    import joblib
    from sklearn.metrics import accuracy_score, confusion_matrix

    with open(flowers.path, newline="") as file:
        rows = list(csv.reader(file))
    actual = [row[-1] for row in rows]
    predicted = joblib.load(model.path).predict([[float(cell) for cell in row[:-1]] for row in rows])

    accuracy = round(float(accuracy_score(actual, predicted)), 4)
    metrics.log_metric("accuracy", accuracy)
    metrics.log_metric("flowers", len(actual))
    names = sorted(set(actual))
    confusion.log_confusion_matrix(names, confusion_matrix(actual, predicted, labels=names).tolist())
    print(f"accuracy {accuracy} on {len(actual)} flowers")
    return accuracy


@dsl.component(base_image=IMAGE)
def report(depth: int, accuracy: float, html: Output[HTML]):
    """Writes a page about an accepted model."""
    with open(html.path, "w") as file:
        file.write(
            "<!doctype html>\n"
            '<html lang="en"><head><meta charset="utf-8"><title>Iris classifier</title></head>\n'
            f"<body><h1>{accuracy:.1%} of the irises recognised</h1>\n"
            f"<p>A decision tree of depth {depth} is good enough.</p></body></html>\n"
        )
    print(f"accepted: depth {depth}, accuracy {accuracy}")


@dsl.component(base_image=IMAGE)
def reject(depth: int, accuracy: float, min_accuracy: float) -> str:
    """Says why a model is not good enough."""
    message = f"rejected: depth {depth} has accuracy {accuracy}, less than {min_accuracy}"
    print(message)
    return message


class Outputs(NamedTuple):
    depth: int
    accuracy: float
    model: Model


@dsl.pipeline(name="iris-python", description="Finds how deep a decision tree must be to tell three species of iris apart.")
def iris_python(
    depths: List[int] = [1, 2, 3, 5],
    test_size: float = 0.3,
    seed: int = 11,
    min_accuracy: float = 0.95,
) -> Outputs:
    """Splits the iris table, grows several decision trees and reports on the best one.

    Args:
        depths: Depths of the trees to try.
        test_size: Share of the flowers to test on; the rest is learned from.
        seed: Decides which flower is in which part.
        min_accuracy: Share of the test flowers that the best tree must get right to be accepted.
    """
    parts = split(test_size=test_size, seed=seed)

    with dsl.ParallelFor(items=depths) as depth:
        trained = train(flowers=parts.outputs["train"], depth=depth, seed=seed)

    chosen = choose(
        depths=depths,
        scores=dsl.Collected(trained.outputs["Output"]),
        models=dsl.Collected(trained.outputs["model"]),
    )
    tested = evaluate(model=chosen.outputs["best"], flowers=parts.outputs["test"])

    with dsl.If(tested.outputs["Output"] >= min_accuracy, name="accepted"):
        report(depth=chosen.outputs["depth"], accuracy=tested.outputs["Output"])
    with dsl.Else(name="rejected"):
        reject(depth=chosen.outputs["depth"], accuracy=tested.outputs["Output"], min_accuracy=min_accuracy)

    return Outputs(depth=chosen.outputs["depth"], accuracy=tested.outputs["Output"], model=chosen.outputs["best"])


if __name__ == "__main__":
    compiler.Compiler().compile(iris_python, str(HERE / "pipeline.yaml"))
