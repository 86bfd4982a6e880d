"""run(): one pipeline, from its function or file to what came of it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from ._command import Ended, command_environment, absolute, execute, home_of, look, look_json
from ._errors import CommandError, RunFailed, RunRefused, RunTimedOut
from ._explain import explain
from ._pipeline import parameters_file, pipeline_file
from ._results import LogLine, RunResult, StoredArtifact, Task, label, read_log_line, read_run, read_stored_artifact

EXIT_USAGE = 2
"""Exit codes of ``kfp-runtime run``: docs/local.md."""


@dataclass(frozen=True)
class Run(RunResult):
    """A run that has ended.

    Attributes:
        home: The home it is kept in; ``kfp-runtime show``, ``logs`` and so on find it there.
    """

    home: Path

    @property
    def output(self) -> Any:
        """The only output of the pipeline.

        Raises:
            ValueError: It has none, or several.
        """
        names = list(self.outputs)
        if len(names) != 1:
            raise ValueError(f"the pipeline has {len(names)} outputs ({', '.join(names)}): take one from .outputs")
        return self.outputs[names[0]]

    def task(self, name: str) -> Task:
        """The task of this name: its label (``train``, ``for-loop-1.train[2]``), its name, or its display name.

        Raises:
            KeyError: No task is called so, or several are.
        """
        for matches in (
            [task for task in self.tasks if name in (label(task), task.scope_path, task.task_id)],
            [task for task in self.tasks if name in (task.name, task.display_name)],
        ):
            if len(matches) == 1:
                return matches[0]
            if matches:
                raise KeyError(f"{name!r} is several tasks: {', '.join(label(task) for task in matches)}")
        raise KeyError(f"{name!r}: there are {', '.join(label(task) for task in self.tasks)}")

    def logs(self, task: str | Task | None = None, *, full: bool = False) -> list[LogLine]:
        """What the steps have printed, in the order of its arrival.

        Args:
            task: One task alone; a name as ``kfp-runtime logs`` takes it.
            full: Also the lines that the SDK prints in every Python step.

        Raises:
            CommandError: There is no such task, or the home cannot be read.
        """
        words = [task.task_id if isinstance(task, Task) else task] if task is not None else []
        options = ["--full-logs"] if full else []
        text = look(["logs", *options, *self._in_home, self.run_id, *words])
        return [read_log_line(json.loads(line)) for line in text.splitlines()]

    def artifacts(self) -> list[StoredArtifact]:
        """What the steps have made, with path and size; without the logs of the steps.

        Raises:
            CommandError: The home cannot be read.
        """
        shape = look_json(["artifacts", *self._in_home, self.run_id])
        return [read_stored_artifact(artifact) for artifact in shape["artifacts"]]

    @property
    def _in_home(self) -> list[str]:
        return ["--output", "json", "--home", str(self.home)]


def run(
    pipeline: Any,
    arguments: Mapping[str, Any] | None = None,
    *,
    home: str | os.PathLike[str] | None = None,
    cache: bool = True,
    pipeline_root: str | None = None,
    secrets: str | os.PathLike[str] | None = None,
    parallelism: int | None = None,
    isolation: Literal["in-process", "process"] = "in-process",
    runner: Literal["host", "container", "auto"] = "host",
    runner_for: Mapping[str, Literal["host", "container"]] | None = None,
    environment: Mapping[str, str] | None = None,
    wait: float | None = None,
    timeout: float | None = None,
    progress: bool | TextIO = True,
) -> Run:
    """Runs a pipeline on this machine and waits for its end.

    Args:
        pipeline: A function with ``@dsl.pipeline`` or ``@dsl.component``, a component that the SDK has loaded, or the path of a
            compiled pipeline.
        arguments: Parameters of the pipeline by name.
        home: Folder for state, database and artifacts; default ``.kfp-runtime`` in the current folder. Steps are served from its
            cache, and its Python environments are used again. Two runs in one home wait for each other.
        cache: False takes no outputs from earlier runs.
        pipeline_root: Where artifacts go instead of the home: a folder or the URI of a store.
        secrets: Secrets and config maps of the steps: a folder or a YAML file.
        parallelism: Steps at the same time; default the number of processors, at least 4.
        isolation: ``process`` starts a process for every driver and launcher, as a cluster starts pods.
        runner: ``container`` runs steps in containers of their images, ``auto`` all but those of plain Python images.
        runner_for: Another runner for single tasks, by their labels.
        environment: Variables for the steps, over those of this process.
        wait: Seconds to wait for a home that another run uses; default a day.
        timeout: Seconds until the run is cancelled.
        progress: Where progress and the lines of the steps go: True to ``sys.stderr``, False nowhere.

    Returns:
        The run, which has SUCCEEDED.

    Raises:
        RunFailed: The run failed or was cancelled; the message says which task, why, and what did not run because of it.
        RunTimedOut: It took longer than ``timeout``.
        RunRefused: Pipeline, parameters or options are wrong; nothing has run.
        CommandError: The home cannot be used, or there is no Node.
        KfpRuntimeError: The SDK is needed for a function and is not installed.
        TypeError, ValueError: Pipeline or arguments are of a type that cannot be handed over.
        KeyboardInterrupt: Ctrl-C, after the run was cancelled.
    """
    where = home_of(home)
    stream = sys.stderr if progress is True else progress or None
    with tempfile.TemporaryDirectory(prefix="kfp-runtime-") as folder:
        words = ["--output", "json", "--stop-with-stdin", "--home", str(where), "--isolation", isolation, "--runner", runner]
        if arguments:
            words += ["--params", parameters_file(arguments, Path(folder))]
        words += [] if cache else ["--no-cache"]
        words += [] if pipeline_root is None else ["--pipeline-root", pipeline_root]
        words += [] if secrets is None else ["--secrets", absolute(secrets)]
        words += [] if parallelism is None else ["--parallelism", str(parallelism)]
        words += [] if wait is None else ["--wait", f"{round(wait)}s"]
        for task, chosen in (runner_for or {}).items():
            words += ["--runner-for", f"{task}={chosen}"]
        ended = execute(
            ["run", *words, pipeline_file(pipeline, Path(folder))],
            environment=command_environment(environment),
            on_line=None if stream is None else stream.write,
            timeout=timeout,
        )
    return _finish(ended, where, timeout)


def _finish(ended: Ended, home: Path, timeout: float | None) -> Run:
    if not ended.answer.strip():
        message = ended.said.strip() or f"kfp-runtime run ended with exit code {ended.code} and said nothing"
        raise RunRefused(message) if ended.code == EXIT_USAGE else CommandError(message)
    finished = Run(**vars(read_run(json.loads(ended.answer))), home=home)
    if finished.state == "SUCCEEDED":
        return finished
    message = explain(finished, home, lambda task: _last_lines(finished, task))
    if ended.timed_out:
        raise RunTimedOut(f"cancelled after {timeout:g} s: {message}", finished)
    raise RunFailed(message, finished)


def _last_lines(failed: Run, task: Task) -> Sequence[str]:
    try:
        return [line.text for line in failed.logs(task)]
    except CommandError:
        # The message of the run's failure matters more than that its log cannot be read.
        return []
