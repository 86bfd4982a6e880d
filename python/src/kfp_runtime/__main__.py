"""The command ``kfp-runtime``: hands this process over to Node, so that signals and exit codes are the command's own."""

from __future__ import annotations

import os
import sys

from ._command import program
from ._errors import CommandError


def main() -> None:
    """Does not return, unless there is no Node to run."""
    try:
        command = program()
    except CommandError as error:
        raise SystemExit(f"kfp-runtime: {error}") from None
    sys.stdout.flush()
    os.execv(command[0], [*command, *sys.argv[1:]])


if __name__ == "__main__":
    main()
