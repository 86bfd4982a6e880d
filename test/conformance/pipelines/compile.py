"""Compiles the pipelines of this folder, or the ones named, with the SDK that requirements.txt pins.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python compile.py [--output FOLDER] [NAME ...]

Each module has a list PIPELINES; a function of it becomes <name of the function>.yaml.
"""

import argparse
import importlib
import os
import sys
import time
from pathlib import Path

from kfp import compiler

HERE = Path(__file__).resolve().parent
NO_PIPELINES = {"compile", "steps"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="functions of the modules; none means all")
    parser.add_argument("--output", type=Path, default=HERE, metavar="FOLDER")
    args = parser.parse_args()

    # Archives inside components would hold the time, and differ each time.
    time.time = lambda: 0.0
    sys.path.insert(0, str(HERE))
    modules = [importlib.import_module(path.stem) for path in sorted(HERE.glob("*.py")) if path.stem not in NO_PIPELINES]
    pipelines = {pipeline.pipeline_func.__name__: pipeline for module in modules for pipeline in module.PIPELINES}
    unknown = sorted(set(args.names) - set(pipelines))
    if unknown:
        sys.exit(f"compile.py: no pipeline {', '.join(unknown)}; there are {', '.join(sorted(pipelines))}")
    for name in args.names or sorted(pipelines):
        compiler.Compiler().compile(pipelines[name], str(args.output / f"{name}.yaml"))
    print(f"compiled {len(args.names or pipelines)} pipelines")


if __name__ == "__main__":
    # The SDK goes through sets of names: a fixed order gives the same file each time.
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    main()
