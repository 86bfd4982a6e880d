"""The installed wheel, as people use it: test/python/wheel.test.ts makes the environment and runs this with pytest."""

import io
import os
import pathlib
import pickle
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import kfp
import kfp_runtime
import nbclient
import nbformat
import pytest
from kfp import compiler

import pipelines

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """One for all tests: its Python environments are made once."""
    return tmp_path_factory.mktemp("home")


def test_a_function_runs(home):
    progress = io.StringIO()
    run = kfp_runtime.run(pipelines.sums, {"a": 4}, home=home, progress=progress)
    assert (run.state, run.output, run.outputs["Output"]) == ("SUCCEEDED", 9, 9)
    assert [line.text for line in run.logs("add")] == ["adding 4 and 2"]
    assert [(line.task, line.stream, line.text) for line in run.logs()][1] == ("add-2", "stdout", "adding 6 and 3")
    assert any("[KFP Executor" in line.text for line in run.logs(run.task("add-2"), full=True))
    assert (run.task("add-2").inputs["a"], run.task("add-2").outputs["Output"]) == (6, 9)
    assert "add | adding 4 and 2\n" in progress.getvalue()
    again = kfp_runtime.run(pipelines.sums, {"a": 4}, home=home, progress=False)
    assert {task.name: task.state for task in again.tasks} == {"ROOT": "CACHED", "add": "CACHED", "add-2": "CACHED"}
    anew = kfp_runtime.run(pipelines.sums, {"a": 4}, home=home, progress=False, cache=False)
    assert (anew.task("add").state, anew.output) == ("SUCCEEDED", 9)


def test_steps_run_with_this_python_whatever_the_path_says(home, tmp_path, monkeypatch):
    other = tmp_path / "python3"
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert kfp_runtime.run(pipelines.sums, home=home, progress=False, cache=False).output == 6
    # Variables that are asked for win.
    with pytest.raises(kfp_runtime.RunFailed):
        kfp_runtime.run(pipelines.sums, home=home, progress=False, cache=False, environment={"PATH": str(tmp_path)})


def test_progress_goes_to_stderr_by_default(home, capfd):
    kfp_runtime.run(pipelines.sums, home=home)
    printed = capfd.readouterr()
    assert (printed.out, "SUCCEEDED" in printed.err) == ("", True)


def test_the_same_from_a_file_as_processes_and_from_a_component(home, tmp_path):
    file = tmp_path / "sums.yaml"
    compiler.Compiler().compile(pipelines.sums, str(file))
    for path in (file, str(file)):
        run = kfp_runtime.run(path, {"a": 4}, home=home, progress=False, cache=False, isolation="process")
        assert run.output == 9
    assert kfp_runtime.run(pipelines.add, {"a": 1, "b": 2}, home=home, progress=False).output == 3


def test_artifacts_have_paths(home):
    run = kfp_runtime.run(pipelines.train, {"rounds": 2}, home=home, progress=False)
    model = run.outputs["model"]
    assert (model.type, model.path.read_text(), model.metadata["rounds"]) == ("Model", "weightsweights", 2)
    assert run.outputs["metrics"] == {"loss": 0.5}
    assert {name: type(run.outputs[name]) for name in run.outputs}["Output"] is float
    [stored] = [artifact for artifact in run.artifacts() if artifact.key == "model"]
    assert (stored.task, stored.place, stored.size_bytes, stored.path) == ("train", "file", 14, model.path)
    with pytest.raises(ValueError, match="number"):
        run.outputs.artifacts["metrics"][0].path
    with pytest.raises(ValueError, match="3 outputs"):
        run.output
    with pytest.raises(KeyError, match="there are .*model"):
        run.outputs["modell"]


def test_outputs_of_a_loop(home):
    run = kfp_runtime.run(pipelines.models, home=home, progress=False)
    assert run.output == [0.5, 0.5]
    [loop] = [task.name for task in run.tasks if task.type == "LOOP"]
    assert run.task(f"{loop}.train[1]").inputs["rounds"] == 2
    with pytest.raises(KeyError, match="several"):
        run.task("train")


def test_a_failed_run_explains_itself(home):
    with pytest.raises(kfp_runtime.RunFailed) as caught:
        kfp_runtime.run(pipelines.training, {"rounds": 3, "limit": 10}, home=home, progress=False)
    message = str(caught.value)
    assert "\n  check: failed to execute component: exit status 1\n" in message
    assert "\n    | ValueError: the model is too large: 21 > 10\n" in message
    assert "\n  not run: add, because check failed\n" in message
    assert f"kfp-runtime resume {caught.value.run.run_id} --home {home}" in message
    assert "  train" not in message
    run = caught.value.run
    assert (run.state, run.task("check").state, run.task("Check the model").name) == ("FAILED", "FAILED", "check")
    assert run.task("train").outputs["model"].path.read_text() == "weights" * 3
    assert [missed.name for missed in run.not_run] == ["add"]
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.run) == (message, run)


@pytest.mark.parametrize(
    ("pipeline", "arguments", "kind", "message"),
    [
        (pipelines.training, {}, kfp_runtime.RunRefused, 'Parameter "rounds".* is required'),
        (pipelines.training, {"rounds": "x"}, kfp_runtime.RunRefused, 'Parameter "rounds".*not a string'),
        (pipelines.training, {"rounds": 1, "b": 2, "c": 3}, kfp_runtime.RunRefused, '(?s)"b".*"c"'),
        (pipelines.training, {"rounds": object()}, TypeError, "'rounds'.*not JSON serializable"),
        (pipelines.training, {"rounds": float("nan")}, ValueError, "'rounds'"),
        ("no-such.yaml", {}, kfp_runtime.RunRefused, "no-such.yaml"),
        (lambda: None, {}, TypeError, "decorate .* with @dsl.pipeline"),
        (7, {}, TypeError, "a pipeline is"),
    ],
)
def test_what_cannot_run_is_refused(home, pipeline, arguments, kind, message):
    with pytest.raises(kind, match=message):
        kfp_runtime.run(pipeline, arguments, home=home, progress=False)


def test_a_home_that_cannot_be_used(tmp_path):
    taken = tmp_path / "file"
    taken.write_text("")
    with pytest.raises(kfp_runtime.CommandError, match=str(taken)):
        kfp_runtime.run(pipelines.sums, home=taken, progress=False)


def test_a_timeout_cancels(home):
    with pytest.raises(kfp_runtime.RunTimedOut, match="cancelled after 5 s") as caught:
        kfp_runtime.run(pipelines.waiting, home=home, progress=False, timeout=5)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.run.state == "FAILED"


def waiting_child(home, script):
    text = f"import kfp_runtime, pipelines\n{script}"
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    child = subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True, cwd=home
    )
    return child


def wait_for(stream, words):
    for line in stream:
        if words in line:
            return
    raise AssertionError(f"{words!r} was not said")


def test_ctrl_c_cancels_the_run(home):
    child = waiting_child(home, f"kfp_runtime.run(pipelines.waiting, home={str(home)!r}, cache=False)")
    wait_for(child.stderr, "| waiting")
    child.send_signal(signal.SIGINT)
    said = child.stderr.read()
    assert child.wait(30) != 0
    assert "KeyboardInterrupt" in said and "FAILED" in said


def test_a_run_ends_with_its_process(home):
    child = waiting_child(home, f"kfp_runtime.run(pipelines.waiting, home={str(home)!r}, cache=False)")
    wait_for(child.stderr, "| waiting")
    child.kill()
    child.wait()
    # The lock of the home is free again, without the wait for a run that goes on.
    assert kfp_runtime.run(pipelines.sums, home=home, progress=False, wait=30).output == 6


def test_a_notebook_gives_the_same(home, tmp_path):
    shutil.copy(HERE / "pipelines.py", tmp_path)
    # A function of the notebook itself, and one of a module.
    cells = [
        "import kfp_runtime, pipelines\nfrom kfp import dsl",
        "@dsl.component\ndef add(a: int, b: int) -> int:\n    print(f'adding {a} and {b}')\n    return a + b\n\n"
        "@dsl.pipeline(name='sums')\ndef sums(a: int = 1) -> int:\n    first = add(a=a, b=2)\n    return add(a=first.output, b=3).output",
        f"run = kfp_runtime.run(sums, {{'a': 4}}, home={str(home)!r})\nprint(run.output)",
        f"print(kfp_runtime.run(pipelines.sums, {{'a': 4}}, home={str(home)!r}, progress=False).output)",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    nbclient.NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    expected = kfp_runtime.run(pipelines.sums, {"a": 4}, home=home, progress=False).output
    assert printed(book.cells[2], "stdout") == printed(book.cells[3], "stdout") == f"{expected}\n"
    # Progress is shown below the cell, not on the terminal of the notebook's server.
    assert f"Output = {expected}\n" in printed(book.cells[2], "stderr")
    assert printed(book.cells[3], "stderr") == ""


def printed(cell, stream):
    outputs = [output for output in cell["outputs"] if output["output_type"] == "stream"]
    return "".join(output["text"] for output in outputs if output["name"] == stream)


def test_a_client_on_a_server_of_its_own(home):
    with kfp_runtime.client(home) as client:
        assert isinstance(client, kfp.Client)
        made = client.create_run_from_pipeline_func(pipelines.sums, arguments={"a": 4})
        assert client.wait_for_run_completion(made.run_id, timeout=120, sleep_duration=0.2).state == "SUCCEEDED"
        assert made.run_id in client.server_log()
        # Runs in a served home are handed to its server; a second client shares it.
        handed = kfp_runtime.run(pipelines.sums, {"a": 4}, home=home, progress=False)
        with kfp_runtime.client(home) as second:
            assert second.endpoint == client.endpoint
            assert second.get_run(handed.run_id).state == "SUCCEEDED"
        assert client.get_run(handed.run_id).run_id == handed.run_id
        # Nobody else on this machine gets in.
        with pytest.raises(Exception, match="(?i)unauth|401"):
            kfp.Client(host=client.endpoint).list_runs()
    with pytest.raises(Exception, match="(?i)refused|max retries"):
        client.get_run(handed.run_id)
    assert not (home / "lock").exists()


def test_a_server_ends_with_its_process(home):
    child = waiting_child(home, f"client = kfp_runtime.client({str(home)!r})\nprint(client.endpoint, flush=True)\ninput()")
    assert child.stdout.readline().startswith("http://127.0.0.1:")
    child.kill()
    child.wait()
    deadline = time.monotonic() + 20
    while (home / "lock").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not (home / "lock").exists()


def test_a_server_that_does_not_start(home):
    script = f"import kfp_runtime; kfp_runtime.client({str(home)!r})"
    with kfp_runtime.client(home):
        other = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=60)
    assert other.returncode == 1
    assert "CommandError: kfp-runtime: " in other.stderr and "has been using it since" in other.stderr


def test_runs_in_threads(home):
    results = []
    threads = [
        threading.Thread(
            target=lambda a=a: results.append(kfp_runtime.run(pipelines.sums, {"a": a}, home=home, progress=False).output)
        )
        for a in (10, 20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [15, 25]


def test_the_command(home):
    command = os.path.join(os.path.dirname(sys.executable), "kfp-runtime")
    version = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith(f"kfp-runtime {kfp_runtime.__version__} ")
    unknown = subprocess.run([command, "show", "no-such", "--home", home], capture_output=True, text=True)
    assert (unknown.returncode, "no-such" in unknown.stderr) == (2, True)
    as_module = subprocess.run([sys.executable, "-m", "kfp_runtime", "--version"], capture_output=True, text=True, check=True)
    assert as_module.stdout == version


def test_node_comes_from_the_package(home, monkeypatch):
    monkeypatch.setenv("PATH", str(home))
    folder = pathlib.Path(kfp_runtime.__file__).parent
    for name in ("kfp-runtime", "driver", "launcher-v2"):
        told = subprocess.run([folder / "dist/bin" / name, "--version"], capture_output=True, text=True)
        assert (told.returncode, told.stdout.split()[:2]) == (0, [name, kfp_runtime.__version__]), told.stderr


def test_without_the_sdk(tmp_path):
    (tmp_path / "kfp.py").write_text("raise ModuleNotFoundError(\"No module named 'kfp'\", name='kfp')")
    script = "import kfp_runtime\ntry:\n    kfp_runtime.client()\nexcept kfp_runtime.KfpRuntimeError as error:\n    print(error)"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert (told.stdout, told.stderr) == ("the SDK is needed for a client: pip install 'kfp-runtime[kfp]'\n", "")


def snippets(name):
    """Python blocks of a page of the manual."""
    text = (HERE / "../.." / name).read_text()
    return re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_the_manual(home, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    run, client, tests = snippets("docs/python.md")
    (tmp_path / "manual.py").write_text(run + "\nassert (run.output, run.state) == (0.25, 'SUCCEEDED')\n" + client)
    # One home for all of it: its Python environment is made already.
    (tmp_path / ".kfp-runtime").symlink_to(home)
    (tmp_path / "home").symlink_to(home)
    told = subprocess.run([sys.executable, "manual.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    (tmp_path / "test_manual.py").write_text(
        "import kfp_runtime, pytest\nfrom manual_pipeline import training\n"
        + tests.replace('tmp_path_factory.mktemp("kfp")', repr(str(home)))
    )
    (tmp_path / "manual_pipeline.py").write_text(run.split("run = kfp_runtime.run")[0])
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_manual.py"]
    told = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "1 passed" in told.stdout, told.stdout

    [readme] = snippets("python/README.md")
    (tmp_path / "readme.py").write_text(readme)
    told = subprocess.run([sys.executable, "readme.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (told.returncode, told.stdout) == (0, "9\n"), told.stderr
