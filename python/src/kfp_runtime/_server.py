"""``kfp-runtime serve`` as a child of this process; one for each home."""

from __future__ import annotations

import atexit
import json
import os
import queue
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ._command import GRACE_SECONDS, close_stdin, program
from ._errors import CommandError

LARGEST_READY_LINE_BYTES = 1 << 20
LONGEST_LOG_BYTES = 1 << 20


class Server:
    """A server that runs, and its addresses."""

    def __init__(self, home: Path, options: Sequence[str], environment: Mapping[str, str], start_timeout: float) -> None:
        """Starts it and waits until it is ready.

        Raises:
            CommandError: It ended, or its time was up; the message has its own words.
        """
        self.home = home
        self.users = 0
        self._owner = os.getpid()
        self._log = tempfile.TemporaryFile(prefix="kfp-runtime-serve-")
        words = ["serve", "--home", str(home), "--port", "0", "--grpc-port", "0", "--auth", "--output", "json", "--stop-with-stdin"]
        self._process = subprocess.Popen(
            [*program(), *words, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            start_new_session=True,
        )
        try:
            ready = self._wait_until_ready(start_timeout)
        except BaseException:
            self.stop()
            raise
        self.endpoint: str = ready["rest"]["url"]
        self.token = Path(ready["tokenFile"]).read_text(encoding="utf-8").strip()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def log(self) -> str:
        """What the server has said about its runs; the end of it, where it is long."""
        size = os.fstat(self._log.fileno()).st_size
        start = max(0, size - LONGEST_LOG_BYTES)
        # At a place of its own: the server writes to the same open file.
        return os.pread(self._log.fileno(), size - start, start).decode("utf-8", "replace")

    def ask_to_stop(self) -> None:
        """Its runs go on with the next server of the home. Does nothing in a process that was forked from the one that started it."""
        if os.getpid() == self._owner:
            close_stdin(self._process)

    def stop(self) -> None:
        """Waits for its end."""
        if os.getpid() != self._owner:
            return
        self.ask_to_stop()
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _wait_until_ready(self, seconds: float) -> dict[str, Any]:
        lines: queue.Queue[bytes] = queue.Queue()
        pipe = self._process.stdout
        assert pipe is not None
        threading.Thread(target=lambda: lines.put(pipe.readline(LARGEST_READY_LINE_BYTES)), daemon=True).start()
        try:
            line = lines.get(timeout=seconds)
        except queue.Empty:
            raise CommandError(f"the server was not ready after {seconds:g} s: {self.log().strip()}") from None
        if line == b"":
            self._process.wait(GRACE_SECONDS)
            raise CommandError(self.log().strip() or f"the server ended with exit code {self._process.returncode}")
        ready: dict[str, Any] = json.loads(line)
        return ready


_servers: dict[Path, Server] = {}
_lock = threading.Lock()


def obtain(home: Path, options: Sequence[str], environment: Mapping[str, str], start_timeout: float) -> Server:
    """The server of a home in this process, started where there is none; ``release()`` it.

    Raises:
        CommandError: See ``Server``.
    """
    with _lock:
        server = _servers.get(home)
        if server is None or not server.is_running:
            server = _servers[home] = Server(home, options, environment, start_timeout)
        server.users += 1
        return server


def release(server: Server) -> None:
    """The last one to release a server stops it."""
    with _lock:
        server.users -= 1
        if server.users > 0:
            return
        if _servers.get(server.home) is server:
            del _servers[server.home]
    server.stop()


@atexit.register
def _stop_all() -> None:
    servers = list(_servers.values())
    for server in servers:
        server.ask_to_stop()
    for server in servers:
        server.stop()
