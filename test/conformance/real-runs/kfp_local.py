"""Runs compiled pipelines in kfp.local, each step in this interpreter's own environment, and tells what came of them.

    python kfp_local.py FOLDER < JOBS

JOBS is JSON: a list of {"name": ..., "file": ..., "arguments": {...}, "env": {...}}. Prints one line of JSON for each: its name and either "outputs"
(parameters as they are, an artifact as what its file holds) with "steps", the output parameters that its steps have reported, or "error",
the end of what went wrong.
"""

import json
import os
import re
import sys
import traceback
from pathlib import Path

from kfp import components, local
from kfp.dsl import Artifact

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def main() -> None:
    folder = Path(sys.argv[1])
    jobs = json.load(sys.stdin)
    # Both the SDK's log and what steps print go to standard output, which is for the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for job in jobs:
        os.environ.update(job["env"])
        local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(folder / job["name"]), raise_on_error=True)
        print(json.dumps({"name": job["name"], **run(job, folder / job["name"])}), file=answers, flush=True)


def run(job: dict, folder: Path) -> dict:
    try:
        task = components.load_component_from_file(job["file"])(**job["arguments"])
        outputs = {key: told(value) for key, value in task.outputs.items()}
        reports = [json.loads(path.read_text()) for path in sorted(folder.rglob("executor_output.json"))]
        return {"outputs": outputs, "steps": [report["parameterValues"] for report in reports if report.get("parameterValues")]}
    except BaseException as error:  # Some refusals are no exceptions of the ordinary kind.
        traceback.print_exc()
        return {"error": COLOUR.sub("", f"{type(error).__name__}: {error}")[-500:]}


def told(value):
    if isinstance(value, Artifact):
        path = Path(value.path)
        return {"content": path.read_text() if path.is_file() else None}
    if isinstance(value, list):
        return [told(item) for item in value]
    return value


main()
