"""Settings of single tasks: retries, caching, names, order, images, resources, environment."""

from kfp import dsl

from steps import IMAGE, make_text, say


@dsl.pipeline
def task_retries():
    say(text="bare").set_retry(num_retries=2)
    say(text="full").set_retry(num_retries=3, backoff_duration="10s", backoff_factor=2.0, backoff_max_duration="600s")


@dsl.pipeline
def task_caching():
    make_text(seed="cached")
    make_text(seed="never").set_caching_options(enable_caching=False)
    make_text(seed="by key").set_caching_options(enable_caching=True, cache_key="my-key")


@dsl.pipeline(name="Task display names", display_name="A pipeline with a name for people", description="Names for people.")
def task_display_names():
    say(text="a").set_display_name("Says a & b")
    say(text="b")


@dsl.pipeline
def task_order():
    first = say(text="first")
    second = say(text="second").after(first)
    say(text="third").after(first, second)


@dsl.pipeline
def task_images(image: str = "busybox:1.37"):
    made = make_text()
    say(text="constant").set_container_image("alpine:3.21")
    say(text="parameter").set_container_image(image)
    say(text="output").set_container_image(made.output)


@dsl.pipeline
def task_resources():
    (
        say(text="all")
        .set_cpu_request("500m")
        .set_cpu_limit("1")
        .set_memory_request("256Mi")
        .set_memory_limit("1G")
        .set_accelerator_type("nvidia.com/gpu")
        .set_accelerator_limit(2)
    )
    say(text="requests").set_cpu_request("1.5").set_memory_request("1Gi")


@dsl.pipeline
def task_resources_from_parameters(
    cpu: str = "2", memory: str = "3Gi", accelerator: str = "nvidia.com/gpu", accelerators: str = "1"
):
    (
        say(text="all")
        .set_cpu_request(cpu)
        .set_cpu_limit(cpu)
        .set_memory_request(memory)
        .set_memory_limit(memory)
        .set_accelerator_type(accelerator)
        .set_accelerator_limit(accelerators)
    )


@dsl.container_component
def make_quantity(quantity: dsl.OutputPath(int)):
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", "printf 7 > $0"], args=[quantity])


@dsl.pipeline
def task_resources_from_tasks():
    made = make_quantity()
    say(text="limits").set_cpu_limit(made.output).set_memory_limit(made.output)


@dsl.pipeline
def task_environment():
    (
        say(text="environment")
        .set_env_variable("PLAIN", "a value")
        .set_env_variable("EMPTY", "")
        .set_env_variable("DOLLAR", "$(PLAIN) and $HOME")
    )


PIPELINES = [
    task_retries,
    task_caching,
    task_display_names,
    task_order,
    task_images,
    task_resources,
    task_resources_from_parameters,
    task_resources_from_tasks,
    task_environment,
]
