"""The client of the SDK on a server of this process. Imports kfp: only client() of the package loads it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from . import _server
from ._command import absolute, command_environment, home_of
from ._pipeline import import_kfp

_KfpClient: Any = import_kfp("client", "for a client").Client


class Client(_KfpClient):  # type: ignore[misc]
    """``kfp.Client`` on a server of this process.

    Attributes:
        endpoint: Address of the API over REST.
        home: The home that is served; ``kfp_runtime.run(home=client.home)`` hands its run to the server.
    """

    endpoint: str
    home: Path

    def __init__(self, server: _server.Server) -> None:
        super().__init__(host=server.endpoint, existing_token=server.token)
        self._server: _server.Server | None = server
        self.endpoint = server.endpoint
        self.home = server.home

    def server_log(self) -> str:
        """What the server has said about its runs, a line each; empty after ``close()``."""
        return "" if self._server is None else self._server.log()

    def close(self) -> None:
        """Stops the server, unless another client uses it. Steps are asked to end; their runs go on with the next server."""
        server, self._server = self._server, None
        if server is not None:
            _server.release(server)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def start_client(
    home: str | os.PathLike[str] | None,
    *,
    max_runs: int | None,
    parallelism: int | None,
    secrets: str | os.PathLike[str] | None,
    environment: Mapping[str, str] | None,
    start_timeout: float,
) -> Client:
    """See ``kfp_runtime.client()``."""
    options: list[str] = []
    options += [] if max_runs is None else ["--max-runs", str(max_runs)]
    options += [] if parallelism is None else ["--parallelism", str(parallelism)]
    options += [] if secrets is None else ["--secrets", absolute(secrets)]
    server = _server.obtain(home_of(home), options, command_environment(environment), start_timeout)
    try:
        return Client(server)
    except BaseException:
        _server.release(server)
        raise
