"""Components that several pipelines of this folder use."""

from typing import Dict, List

from kfp import dsl

IMAGE = "alpine:3.22"


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image=IMAGE, command=["echo"], args=[text])


@dsl.container_component
def say_both(first: str, second: str):
    return dsl.ContainerSpec(image=IMAGE, command=["echo"], args=[first, second])


@dsl.container_component
def count(number: int):
    return dsl.ContainerSpec(image=IMAGE, command=["echo"], args=[number])


@dsl.container_component
def make_text(text: dsl.OutputPath(str), seed: str = "s"):
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", 'printf %s "$0" > "$1"'], args=[seed, text])


@dsl.container_component
def make_number(number: dsl.OutputPath(int), seed: int = 1):
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", 'printf %s "$0" > "$1"'], args=[seed, number])


@dsl.container_component
def make_list(items: dsl.OutputPath(List[str])):
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", "printf '[\"a\",\"b\"]' > \"$0\""], args=[items])


@dsl.container_component
def make_struct(fields: dsl.OutputPath(Dict[str, str])):
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", "printf '{\"a\":\"1\"}' > \"$0\""], args=[fields])


@dsl.container_component
def make_dataset(data: dsl.Output[dsl.Dataset], seed: str = "s"):
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", 'printf %s "$0" > "$1"'], args=[seed, data.path])


@dsl.container_component
def read_dataset(data: dsl.Input[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["cat"], args=[data.path])


@dsl.container_component
def convert_dataset(source: dsl.Input[dsl.Dataset], data: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["cp"], args=[source.path, data.path])


@dsl.container_component
def show_list(items: List[str]):
    return dsl.ContainerSpec(image=IMAGE, command=["echo"], args=[items])


@dsl.container_component
def show_struct(fields: Dict[str, str]):
    return dsl.ContainerSpec(image=IMAGE, command=["echo"], args=[fields])


@dsl.component
def read_datasets(data: dsl.Input[List[dsl.Dataset]]):
    print([one.path for one in data])
