"""A failed run in a few lines, for the message of an exception. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from ._results import RunResult, Task, culprits, label

MOST_TASKS = 5
MOST_LINES = 25
LONGEST_LINE = 500

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def explain(run: RunResult, home: Path, lines_of: Callable[[Task], Sequence[str]]) -> str:
    """What failed, why, with the end of its output; what did not run because of it; how to go on.

    Args:
        lines_of: What a step has printed.
    """
    failed = culprits(run.tasks)
    text = [f"run {run.run_id} {run.state} after {run.duration_seconds:.1f} s"]
    for task in failed[:MOST_TASKS]:
        text.append(f"  {label(task)}: {plain(task.error or task.state)}")
        if task.type == "RUNTIME":
            text += [f"    | {plain(line)[:LONGEST_LINE]}" for line in lines_of(task)[-MOST_LINES:]]
    if len(failed) > MOST_TASKS:
        text.append(f"  and {len(failed) - MOST_TASKS} more tasks")
    for missed in run.not_run[:MOST_TASKS]:
        why = f"{missed.reason}: {missed.error}" if missed.error else missed.reason
        text.append(f"  not run: {plain(missed.scope_path.removeprefix('root.'))}, because {plain(why)}")
    if len(run.not_run) > MOST_TASKS:
        text.append(f"  and {len(run.not_run) - MOST_TASKS} more were not run")
    there = f"{run.run_id} --home {shlex.quote(str(home))}"
    text.append(f"all of it: kfp-runtime show {there}; on from the failed steps: kfp-runtime resume {there}")
    return "\n".join(text)


def plain(text: str) -> str:
    """Without colours, and with control characters shown: the text is other people's, and the message may go to a terminal."""
    shown = _COLOURS.sub("", text)
    return "".join(
        char if char == "\t" or char == " " or char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in shown
    )
