"""Runs one node of the workflow, the one that FUNCTION_NODE names: the program of the image.

    FUNCTION_NODE=add python -m run_node OUTPUT [ARGUMENT=INPUT]...

Inputs and output are files with pickled objects. They come from steps of the same pipeline: never unpickle what strangers have made.
"""

import os
import pickle
import sys
from pathlib import Path

from flow import workflow
from graph import build


def main(output, *inputs):
    name = os.environ.get("FUNCTION_NODE", "")
    nodes = build(workflow).nodes
    if name not in nodes:
        raise SystemExit(f"FUNCTION_NODE is {name!r}; there are {', '.join(nodes)}")
    paths = dict(text.split("=", 1) for text in inputs)
    if paths.keys() != nodes[name].inputs().keys():
        raise SystemExit(f"{name} takes {list(nodes[name].inputs())}, not {list(paths)}")
    result = nodes[name].call({argument: pickle.loads(Path(path).read_bytes()) for argument, path in paths.items()})
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    Path(output).write_bytes(pickle.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
