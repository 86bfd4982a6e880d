"""Ten lightweight Python steps, one after the other, with a value, an artifact and a sum at the end.

    python pipeline.py compile PIPELINE.yaml
    python pipeline.py run venv|subprocess FOLDER    prints the pipeline's output, as kfp.local gives it
"""

import sys

from kfp import compiler, dsl, local


@dsl.component
def write(text: str, table: dsl.Output[dsl.Dataset]) -> int:
    with open(table.path, "w") as file:
        file.write(text)
    return len(text)


@dsl.component
def extend(size: int, table: dsl.Input[dsl.Dataset], longer: dsl.Output[dsl.Dataset]) -> int:
    with open(table.path) as source, open(longer.path, "w") as target:
        target.write(source.read() + "+")
    return size + 1


@dsl.pipeline(name="ten-steps")
def ten_steps(text: str = "rows") -> int:
    task = write(text=text)
    table = task.outputs["table"]
    for _ in range(9):
        task = extend(size=task.outputs["Output"], table=table)
        table = task.outputs["longer"]
    return task.outputs["Output"]


def main() -> None:
    _, action, *rest = sys.argv
    if action == "compile":
        compiler.Compiler().compile(ten_steps, rest[0])
        return
    how, folder = rest
    local.init(local.SubprocessRunner(use_venv=how == "venv"), pipeline_root=folder)
    print("output", ten_steps().output)


if __name__ == "__main__":
    main()
