"""Python components: packages, environments, files beside them, notebooks."""

import json
import os
import tempfile
from pathlib import Path

from kfp import dsl

from steps import make_text

_files = Path(tempfile.mkdtemp())
(_files / "greeting.txt").write_text("hello\n")
_notebook = _files / "notebook.ipynb"
_notebook.write_text(
    json.dumps({
        "cells": [
            {"cell_type": "code", "execution_count": None, "id": "a", "metadata": {"tags": ["parameters"]}, "outputs": [],
             "source": ["text = ''"]},
            {"cell_type": "code", "execution_count": None, "id": "b", "metadata": {}, "outputs": [], "source": ["print(text)"]},
        ],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    })
)

for _file in _files.iterdir():
    os.utime(_file, (0, 0))


@dsl.component(
    base_image="python:3.13",
    packages_to_install=["idna==3.10"],
    pip_index_urls=["https://packages.example.org/simple"],
    pip_trusted_hosts=["packages.example.org"],
)
def with_packages(name: str) -> str:
    import idna

    return idna.encode(name).decode()


@dsl.component(packages_to_install=["idna==3.10"], use_venv=True)
def with_environment(name: str) -> str:
    return name


@dsl.component(install_kfp_package=False)
def without_kfp(name: str):
    print(name)


@dsl.component(base_image="python:3.13", target_image="registry.example.org/steps:1")
def containerized(name: str) -> str:
    return name


@dsl.notebook_component(notebook_path=str(_notebook))
def with_notebook(text: str):
    dsl.run_notebook(text=text)


@dsl.component(embedded_artifact_path=str(_files / "greeting.txt"))
def with_embedded_file(files: dsl.EmbeddedInput[dsl.Artifact]):
    print(files.path)


@dsl.pipeline
def python_packages():
    with_packages(name="a")
    with_environment(name="b")
    without_kfp(name="c")


@dsl.pipeline
def python_containerized():
    containerized(name="a")


@dsl.pipeline
def python_notebook():
    with_notebook(text=make_text().output)


@dsl.pipeline
def python_embedded_file():
    with_embedded_file()


PIPELINES = [python_packages, python_containerized, python_notebook, python_embedded_file]
