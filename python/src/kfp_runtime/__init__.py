"""Runs compiled Kubeflow pipelines on this machine, with the driver and the launcher of a cluster.

    run = kfp_runtime.run(my_pipeline, {"rounds": 3})
    run.outputs["accuracy"]

``run()`` executes one pipeline and returns what came of it; ``client()`` starts a server on this machine and returns a
``kfp.Client`` on it. Both call the command ``kfp-runtime`` that this package carries. Manual: docs/python.md of the project.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING

from ._errors import CommandError, KfpRuntimeError, RunFailed, RunRefused, RunTimedOut
from ._results import Artifact, JsonValue, LogLine, NotRunTask, StoredArtifact, Task, Values
from ._run import Run, run

if TYPE_CHECKING:
    from ._client import Client

__version__ = version("kfp-runtime")

__all__ = [
    "Artifact",
    "CommandError",
    "JsonValue",
    "KfpRuntimeError",
    "LogLine",
    "NotRunTask",
    "Run",
    "RunFailed",
    "RunRefused",
    "RunTimedOut",
    "StoredArtifact",
    "Task",
    "Values",
    "client",
    "run",
]


def client(
    home: str | os.PathLike[str] | None = None,
    *,
    max_runs: int | None = None,
    parallelism: int | None = None,
    secrets: str | os.PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
    start_timeout: float = 60,
) -> Client:
    """Starts a server on a home, as ``kfp-runtime serve`` does, and returns a ``kfp.Client`` on it.

    The server listens on this machine only, at a free port, and asks for the token that the client is given. It ends with
    ``close()`` or the ``with`` block, and with this process in any case; runs that are under way then go on with the next server of
    the home. A second client on the same home shares the server of the first, with the first one's settings.

    Args:
        home: Folder for state, database and artifacts; default ``.kfp-runtime`` in the current folder.
        max_runs: Runs at the same time, the others wait; default 10.
        parallelism: Steps at the same time, of all runs together; default the number of processors, at least 4.
        secrets: Secrets and config maps of the steps, as for ``kfp-runtime run --secrets``.
        environment: Variables for the server and the steps, over those of this process.
        start_timeout: Seconds that the server may take to become ready.

    Raises:
        KfpRuntimeError: The SDK ``kfp`` is not installed.
        CommandError: The server did not start; the message has the command's own words.
    """
    from ._client import start_client

    return start_client(
        home,
        max_runs=max_runs,
        parallelism=parallelism,
        secrets=secrets,
        environment=environment,
        start_timeout=start_timeout,
    )
