"""Parameters: types, constants, defaults, optional inputs, values of other tasks, text around values."""

from typing import Dict, List, NamedTuple, Optional

from kfp import dsl

from steps import IMAGE, count, make_list, make_number, make_struct, make_text, say, show_list, show_struct


@dsl.container_component
def take_every_type(text: str, number: int, fraction: float, flag: bool, items: List[int], fields: Dict[str, int]):
    return dsl.ContainerSpec(image=IMAGE, command=["echo"], args=[text, number, fraction, flag, items, fields])


@dsl.component
def take_every_type_in_python(
    text: str = "text",
    number: int = 3,
    fraction: float = 0.25,
    flag: bool = True,
    items: list = [1, "two", [3]],
    fields: dict = {"a": {"b": [1.5, "x"]}},
):
    print(text, number, fraction, flag, items, fields)


@dsl.component
def make_every_type() -> NamedTuple(
    "Outputs", [("text", str), ("number", int), ("fraction", float), ("flag", bool), ("items", list), ("fields", dict)]
):
    return ("text", 1, 0.5, True, ["a"], {"a": "1"})


@dsl.container_component
def take_optional(text: Optional[str] = None, number: Optional[int] = None, flag: Optional[bool] = None):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["echo", "begin"],
        args=[
            dsl.IfPresentPlaceholder(input_name="text", then=["--text", text]),
            dsl.IfPresentPlaceholder(input_name="number", then=["--number", number], else_=["--no-number"]),
            dsl.IfPresentPlaceholder(input_name="flag", then=["--flag", flag]),
        ],
    )


@dsl.pipeline
def parameters_constants():
    take_every_type(text="", number=0, fraction=0.0, flag=False, items=[], fields={})
    take_every_type(text="a b", number=-7, fraction=1e-7, flag=True, items=[1, 2], fields={"z": 1, "a": 2})


@dsl.pipeline
def parameters_of_the_pipeline(text: str, number: int, fraction: float, flag: bool, items: List[int], fields: Dict[str, int]):
    take_every_type(text=text, number=number, fraction=fraction, flag=flag, items=items, fields=fields)


@dsl.pipeline
def parameters_pipeline_defaults(
    text: str = "größe",
    number: int = 9007199254740991,
    fraction: float = 1234567.5,
    flag: bool = False,
    items: List[int] = [3, 1, 2],
    fields: Dict[str, int] = {"b": 1},
):
    take_every_type(text=text, number=number, fraction=fraction, flag=flag, items=items, fields=fields)


@dsl.pipeline
def parameters_component_defaults():
    take_every_type_in_python()
    take_every_type_in_python(text="other", items=[])


@dsl.pipeline
def parameters_optional(text: Optional[str] = None, number: Optional[int] = 4):
    take_optional()
    take_optional(text=text, number=number, flag=True)


@dsl.pipeline
def parameters_of_tasks():
    made = make_every_type()
    take_every_type_in_python(
        text=made.outputs["text"],
        number=made.outputs["number"],
        fraction=made.outputs["fraction"],
        flag=made.outputs["flag"],
        items=made.outputs["items"],
        fields=made.outputs["fields"],
    )
    say(text=make_text().output)
    count(number=make_number().output)
    show_list(items=make_list().output)
    show_struct(fields=make_struct().output)


@dsl.pipeline
def parameters_inside_text(name: str = "world", number: int = 2):
    made = make_text(seed=f"seed of {name}")
    say(text=f"hello {name}, {number} times: {made.output}!")


@dsl.pipeline
def parameters_inside_structures(name: str = "world", number: int = 2):
    made = make_text()
    show_struct(fields={"name": name, f"key {name}": "literal", "made": made.output})
    show_list(items=[name, "literal", f"{number} of {name}", made.output])


@dsl.pipeline
def parameters_special_characters():
    say(text='quotes " and \' and \\ and $HOME and $(NAME) and $$ and {} and {{x}}')
    say(text="lines\nand\ttabs\u2028 and \U0001f600 and <b>&amp;</b>")
    say(text="{{workflow.name}} and {{=1+1}}")


@dsl.pipeline
def parameters_facts_of_the_run():
    say(text=dsl.PIPELINE_JOB_NAME_PLACEHOLDER)
    say(text=dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER)
    say(text=dsl.PIPELINE_JOB_ID_PLACEHOLDER)
    say(text=dsl.PIPELINE_TASK_NAME_PLACEHOLDER)
    say(text=dsl.PIPELINE_TASK_ID_PLACEHOLDER)
    say(text=f"{dsl.PIPELINE_JOB_NAME_PLACEHOLDER}/{dsl.PIPELINE_TASK_NAME_PLACEHOLDER}")


@dsl.pipeline
def parameters_as_pipeline_outputs(text: str = "in") -> NamedTuple("Outputs", [("made", str), ("number", int)]):
    made = make_text(seed=text)
    number = make_number()
    outputs = NamedTuple("Outputs", [("made", str), ("number", int)])
    return outputs(made.output, number.output)


PIPELINES = [
    parameters_constants,
    parameters_of_the_pipeline,
    parameters_pipeline_defaults,
    parameters_component_defaults,
    parameters_optional,
    parameters_of_tasks,
    parameters_inside_text,
    parameters_inside_structures,
    parameters_special_characters,
    parameters_facts_of_the_run,
    parameters_as_pipeline_outputs,
]
