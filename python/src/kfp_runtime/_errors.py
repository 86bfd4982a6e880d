"""What this package raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._run import Run


class KfpRuntimeError(Exception):
    """Anything that went wrong here; the message says what to do."""


class CommandError(KfpRuntimeError):
    """The command could not do its work: there is no Node, the home cannot be used, a server does not start."""


class RunRefused(KfpRuntimeError, ValueError):
    """The pipeline, a parameter or an option is wrong, and nothing has run. The message has every problem, one a line."""


class RunFailed(KfpRuntimeError):
    """The run ended other than SUCCEEDED.

    Attributes:
        run: What there is of it: states, outputs of the tasks that succeeded, logs.
    """

    def __init__(self, message: str, run: Run) -> None:
        super().__init__(message)
        self.run = run

    def __reduce__(self) -> tuple[type[RunFailed], tuple[str, Run]]:
        # Test runners send exceptions from process to process.
        return type(self), (str(self), self.run)


class RunTimedOut(RunFailed, TimeoutError):
    """The run took longer than its timeout and was cancelled."""
