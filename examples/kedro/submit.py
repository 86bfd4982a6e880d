"""Runs pipeline.yaml on the API that KFP_ENDPOINT names (KFP_TOKEN where it requires one), and waits for its end.

    python submit.py once [PARAMS]              one run; PARAMS for `kedro run --params`, as seed=3
    python submit.py recurring SECONDS [PARAMS] a run every so many seconds, until the first one has ended

Ends with 1 when a run did not succeed.
"""

import os
import sys
import time
from pathlib import Path

from kfp import Client

PACKAGE = str(Path(__file__).parent / "pipeline.yaml")
WAIT_SECONDS = 3600


def run_once(client, params=""):
    created = client.create_run_from_pipeline_package(PACKAGE, arguments={"params": params}, experiment_name="flowers")
    return client.wait_for_run_completion(created.run_id, timeout=WAIT_SECONDS, sleep_duration=2)


def run_recurring(client, seconds, params=""):
    """Waits for the end of the first run; the schedule is deleted then."""
    experiment = client.create_experiment("flowers-nightly")
    recurring = client.create_recurring_run(
        experiment.experiment_id,
        job_name="flowers",
        interval_second=seconds,
        max_concurrency=1,
        no_catchup=True,
        pipeline_package_path=PACKAGE,
        params={"params": params},
    )
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            runs = client.list_runs(experiment_id=experiment.experiment_id, sort_by="created_at").runs or []
            mine = [run for run in runs if run.recurring_run_id == recurring.recurring_run_id]
            if mine:
                client.disable_recurring_run(recurring.recurring_run_id)
                return client.wait_for_run_completion(mine[0].run_id, timeout=WAIT_SECONDS, sleep_duration=2)
            time.sleep(1)
        raise TimeoutError(f"no run of {recurring.recurring_run_id} began within {WAIT_SECONDS} s")
    finally:
        client.delete_recurring_run(recurring.recurring_run_id)


def main(command, *arguments):
    endpoint = os.environ.get("KFP_ENDPOINT", "http://127.0.0.1:8888")
    client = Client(host=endpoint, existing_token=os.environ.get("KFP_TOKEN"))
    if command == "once":
        run = run_once(client, *arguments)
    elif command == "recurring":
        run = run_recurring(client, int(arguments[0]), *arguments[1:])
    else:
        raise SystemExit(__doc__)
    print(run.run_id, run.state)
    return 0 if run.state == "SUCCEEDED" else 1


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1:2] == ["recurring"] and len(sys.argv) < 3:
        raise SystemExit(__doc__)
    sys.exit(main(*sys.argv[1:]))
