"""Compiles the workflow into pipeline.yaml: a step for each node, all in one image; an environment variable picks the node."""

import inspect
from pathlib import Path

from kfp import compiler, dsl, kubernetes

from flow import workflow
from graph import build

IMAGE = "registry.example.com/words:1.0"
PULL_SECRET = "registry-login"


def component(node):
    """A component with an input artifact for each node that this one takes from, and the output `value`."""
    names = [f"from_{argument}" for argument in node.inputs()]

    def container(value, *sources):
        inputs = [f"{name.removeprefix('from_')}=" for name in names]
        words = [dsl.ConcatPlaceholder([word, source.path]) for word, source in zip(inputs, sources)]
        return dsl.ContainerSpec(image=IMAGE, command=["python", "-m", "run_node"], args=[value.path, *words])

    container.__name__ = node.name  # names the step
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    outputs = [inspect.Parameter("value", kind, annotation=dsl.Output[dsl.Artifact])]
    inputs = [inspect.Parameter(name, kind, annotation=dsl.Input[dsl.Artifact]) for name in names]
    container.__signature__ = inspect.Signature(outputs + inputs)
    return dsl.container_component(container)


@dsl.pipeline(name="words")
def words() -> dsl.Artifact:
    tasks = {}
    for node in build(workflow).nodes.values():
        sources = {f"from_{argument}": tasks[source.name].outputs["value"] for argument, source in node.inputs().items()}
        tasks[node.name] = task = component(node)(**sources)
        task.set_env_variable("FUNCTION_NODE", node.name)
        kubernetes.set_image_pull_secrets(task, [PULL_SECRET])
    return task.outputs["value"]


if __name__ == "__main__":
    compiler.Compiler().compile(words, str(Path(__file__).parent / "pipeline.yaml"))
