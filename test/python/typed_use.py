"""What type checkers make of the module; mypy --strict reads this, nothing runs it."""

from pathlib import Path
from typing import assert_type

import kfp_runtime

run = kfp_runtime.run("pipeline.yaml", {"rounds": 3}, runner_for={"train": "host"}, timeout=60)
assert_type(run, kfp_runtime.Run)
assert_type(run.outputs.artifacts["model"][0].path, Path)
assert_type(run.outputs.parameters, dict[str, kfp_runtime.JsonValue])
assert_type(run.task("train").iteration_index, int | None)
assert_type(run.logs("train"), list[kfp_runtime.LogLine])
assert_type(run.artifacts()[0].size_bytes, int | None)

with kfp_runtime.client("home", max_runs=2) as client:
    assert_type(client.endpoint, str)

kfp_runtime.run("pipeline.yaml", runner="dockr")  # type: ignore[arg-type]
kfp_runtime.run("pipeline.yaml", homme="x")  # type: ignore[call-arg]
