"""From what people hand over as a pipeline to a file that the command reads."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._command import absolute
from ._errors import KfpRuntimeError


def pipeline_file(pipeline: Any, folder: Path) -> str:
    """Path of the compiled pipeline; a function is compiled into the folder, by the SDK of this process.

    Raises:
        TypeError: It is neither a path nor made by the SDK.
        KfpRuntimeError: It is a function and the SDK is not installed.
    """
    if isinstance(pipeline, (str, os.PathLike)):
        return absolute(pipeline)
    # What @dsl.pipeline, @dsl.component and load_component_from_... return.
    if not hasattr(pipeline, "component_spec"):
        what = getattr(pipeline, "__name__", type(pipeline).__name__)
        hint = f": decorate {what} with @dsl.pipeline" if callable(pipeline) else ""
        raise TypeError(f"a pipeline is a function with @dsl.pipeline or the path of a compiled file, not {what!r}{hint}")
    compiler = import_kfp("compiler", "to run a pipeline function")
    path = folder / "pipeline.yaml"
    compiler.Compiler().compile(pipeline, package_path=str(path))
    return str(path)


def parameters_file(arguments: Mapping[str, Any], folder: Path) -> str:
    """Path of a file with the arguments, for ``--params``.

    Raises:
        TypeError: A value is not of JSON.
        ValueError: A number is not one of JSON: NaN or infinite.
    """
    for name, value in arguments.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            message = f"argument {name!r} cannot be given to a pipeline: {error}; it takes numbers, strings, booleans, lists and dicts"
            raise type(error)(message) from None
    path = folder / "parameters.json"
    # They may be secrets: the folder is for this user's eyes only.
    path.write_text(json.dumps(dict(arguments)), encoding="utf-8")
    return str(path)


def import_kfp(module: str, purpose: str) -> Any:
    """A module of the SDK.

    Raises:
        KfpRuntimeError: It is not installed.
    """
    try:
        import importlib

        return importlib.import_module(f"kfp.{module}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "kfp":
            raise
        raise KfpRuntimeError(f"the SDK is needed {purpose}: pip install 'kfp-runtime[kfp]'") from error
