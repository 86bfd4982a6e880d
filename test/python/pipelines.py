"""Pipelines that the tests of the wheel and the notebook run."""

from kfp import dsl


@dsl.component
def add(a: int, b: int) -> int:
    print(f"adding {a} and {b}")
    return a + b


@dsl.component
def train(rounds: int, model: dsl.Output[dsl.Model], metrics: dsl.Output[dsl.Metrics]) -> float:
    with open(model.path, "w") as file:
        file.write("weights" * rounds)
    model.metadata["rounds"] = rounds
    metrics.log_metric("loss", 1 / rounds)
    return 0.5


@dsl.component
def check(limit: int, model: dsl.Input[dsl.Model]) -> str:
    with open(model.path) as file:
        size = len(file.read())
    if size > limit:
        raise ValueError(f"the model is too large: {size} > {limit}")
    return f"{size} characters"


@dsl.pipeline(name="sums")
def sums(a: int = 1) -> int:
    first = add(a=a, b=2)
    return add(a=first.output, b=3).output


@dsl.pipeline(name="training")
def training(rounds: int, limit: int = 100) -> str:
    trained = train(rounds=rounds)
    checked = check(limit=limit, model=trained.outputs["model"]).set_display_name("Check the model")
    add(a=1, b=2).after(checked)
    return checked.output


@dsl.pipeline(name="models")
def models() -> list:
    with dsl.ParallelFor([1, 2]) as rounds:
        trained = train(rounds=rounds)
    return dsl.Collected(trained.outputs["Output"])


@dsl.component
def wait_long():
    import time

    print("waiting", flush=True)
    time.sleep(600)


@dsl.pipeline(name="waiting")
def waiting():
    wait_long()
