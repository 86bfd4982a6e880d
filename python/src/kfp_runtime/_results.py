"""What the command prints with ``--output json``, as Python values. Pure. The shapes are those of docs/cli.md#json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, Union

JsonValue: TypeAlias = Union[None, bool, int, float, str, list["JsonValue"], dict[str, "JsonValue"]]


@dataclass(frozen=True)
class Artifact:
    """Something a task has read or made.

    Attributes:
        name: Of the artifact; of a single metric that of the metric.
        type: As the API calls it: ``Dataset``, ``Model``, ``Metric``.
        uri: Where it lies; empty for a single metric.
        metadata: As the step has set it.
        number_value: Of a single metric.
    """

    name: str
    type: str
    uri: str
    metadata: Mapping[str, JsonValue]
    number_value: float | None = None

    @property
    def path(self) -> Path:
        """The file or folder.

        Raises:
            ValueError: It does not lie on this machine, but in a store or nowhere.
        """
        if self.uri.startswith("/"):
            return Path(self.uri)
        where = f"it is at {self.uri}" if self.uri else "it is a number and has no file"
        raise ValueError(f"artifact {self.name!r} is not on this machine: {where}")


@dataclass(frozen=True)
class StoredArtifact(Artifact):
    """An artifact of a run, with the task that made it and its size.

    Attributes:
        task: Label of the task, such as ``for-loop-1.train[2]``.
        key: Name of the output.
        place: ``file``, ``folder``, ``missing``, ``remote`` or ``value``.
        size_bytes: Of what lies on this machine.
    """

    task: str = ""
    key: str = ""
    place: str = "missing"
    size_bytes: int | None = None


@dataclass(frozen=True)
class Values:
    """Inputs or outputs, by name.

    ``values["name"]`` is the value of a parameter, the ``Artifact``, or of metrics a dict of numbers. Values are those of JSON: of a
    ``float`` output 3.0 comes the number 3.

    Attributes:
        parameters: Parameters alone.
        artifacts: Artifacts alone, always as tuples: what was collected from a loop may be any number of them.
    """

    parameters: dict[str, JsonValue]
    artifacts: dict[str, tuple[Artifact, ...]]

    def __getitem__(self, name: str) -> Any:
        if name in self.parameters:
            return self.parameters[name]
        if name not in self.artifacts:
            raise KeyError(f"{name!r}: there are {', '.join(self) or 'none'}")
        found = self.artifacts[name]
        numbers = {artifact.name: artifact.number_value for artifact in found if artifact.number_value is not None}
        if found and len(numbers) == len(found):
            return numbers
        if len(found) == 1:
            return found[0]
        raise ValueError(f"{name!r} is {len(found)} artifacts: take them from .artifacts[{name!r}]")

    def __contains__(self, name: object) -> bool:
        return name in self.parameters or name in self.artifacts

    def __iter__(self) -> Iterator[str]:
        yield from self.parameters
        yield from self.artifacts


@dataclass(frozen=True)
class Task:
    """A task of a run that had its turn; loops have one for the loop and one for every iteration.

    Attributes:
        name: Key of the task in its pipeline.
        display_name: As the pipeline calls it for people; ``name`` where it does not.
        scope_path: Dotted path of names, ``root.for-loop-1.train``.
        type: ``RUNTIME`` for steps, ``ROOT``, ``LOOP``, ``DAG`` and so on for what holds others.
        state: ``SUCCEEDED``, ``CACHED``, ``SKIPPED`` or ``FAILED``, as the API calls it.
        iteration_index: Index in the innermost loop around it.
        error: Why it failed.
    """

    task_id: str
    parent_task_id: str | None
    name: str
    display_name: str
    scope_path: str
    type: str
    state: str
    iteration_index: int | None
    inputs: Values
    outputs: Values
    error: str | None


@dataclass(frozen=True)
class NotRunTask:
    """A task that never got its turn.

    Attributes:
        iterations: Indices of the loops around it, the outermost first.
        reason: Completes "not run, because ...".
        because: Labels of the tasks that made the difference.
        error: What its own driver failed with.
    """

    name: str
    display_name: str
    scope_path: str
    iterations: tuple[int, ...]
    reason: str
    because: tuple[str, ...]
    error: str | None


@dataclass(frozen=True)
class LogLine:
    """A line that a step has printed.

    Attributes:
        time: ISO 8601 in UTC; None where the log has no times.
        task: Label of the task.
        stream: ``stdout`` or ``stderr``.
    """

    time: str | None
    task: str
    stream: str
    text: str


@dataclass(frozen=True)
class RunResult:
    """The object that ``kfp-runtime run --output json`` prints."""

    run_id: str
    state: str
    duration_seconds: float
    outputs: Values
    tasks: tuple[Task, ...]
    not_run: tuple[NotRunTask, ...]


def read_run(shape: Mapping[str, Any]) -> RunResult:
    """Reads the object of ``run --output json``. Members that this version does not know mean nothing to it."""
    return RunResult(
        run_id=shape["runId"],
        state=shape["state"],
        duration_seconds=shape["durationMs"] / 1000,
        outputs=_read_values(shape["outputs"]),
        tasks=tuple(_read_task(task) for task in shape["tasks"]),
        not_run=tuple(_read_not_run(task) for task in shape["notRun"]),
    )


def read_stored_artifact(shape: Mapping[str, Any]) -> StoredArtifact:
    """Reads one artifact of ``artifacts --output json``."""
    return StoredArtifact(
        name=shape["name"],
        type=shape["type"],
        uri=shape["uri"],
        metadata=shape["metadata"],
        number_value=shape.get("numberValue"),
        task=shape["task"],
        key=shape["key"],
        place=shape["place"],
        size_bytes=shape.get("sizeBytes"),
    )


def read_log_line(shape: Mapping[str, Any]) -> LogLine:
    """Reads one line of ``logs --output json``."""
    return LogLine(time=shape.get("time"), task=shape["task"], stream=shape["stream"], text=shape["text"])


def culprits(tasks: Sequence[Task]) -> list[Task]:
    """Failed tasks that did not fail because of one below them, in the order of the pipeline."""
    failed = [task for task in tasks if task.state == "FAILED"]
    parents = {task.parent_task_id for task in failed}
    return [task for task in failed if task.task_id not in parents]


def label(task: Task) -> str:
    """As progress names it, but for the iterations of outer loops."""
    path = task.scope_path.removeprefix("root.")
    return path if task.iteration_index is None else f"{path}[{task.iteration_index}]"


def _read_values(shape: Mapping[str, Any]) -> Values:
    artifacts = {key: tuple(_read_artifact(artifact) for artifact in found) for key, found in shape["artifacts"].items()}
    return Values(parameters=shape["parameters"], artifacts=artifacts)


def _read_artifact(shape: Mapping[str, Any]) -> Artifact:
    return Artifact(
        name=shape["name"],
        type=shape["type"],
        uri=shape["uri"],
        metadata=shape["metadata"],
        number_value=shape.get("numberValue"),
    )


def _read_task(shape: Mapping[str, Any]) -> Task:
    return Task(
        task_id=shape["taskId"],
        parent_task_id=shape.get("parentTaskId"),
        name=shape["name"],
        display_name=shape.get("displayName", shape["name"]),
        scope_path=shape["scopePath"],
        type=shape["type"],
        state=shape["state"],
        iteration_index=shape.get("iterationIndex"),
        inputs=_read_values(shape["inputs"]),
        outputs=_read_values(shape["outputs"]),
        error=shape.get("error"),
    )


def _read_not_run(shape: Mapping[str, Any]) -> NotRunTask:
    return NotRunTask(
        name=shape["name"],
        display_name=shape.get("displayName", shape["name"]),
        scope_path=shape["scopePath"],
        iterations=tuple(shape["iterations"]),
        reason=shape["reason"],
        because=tuple(shape["because"]),
        error=shape.get("error"),
    )
