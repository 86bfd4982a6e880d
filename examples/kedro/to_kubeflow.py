"""Turns the pipelines of a Kedro project into one Kubeflow pipeline, node by node: python to_kubeflow.py

Every node becomes a step that runs `kedro run --nodes NODE` in the one image of the project; they hand data on in a volume. kubeflow.yml
says how each of them runs. Writes pipeline.yaml.
"""

from pathlib import Path

import yaml
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project
from kfp import compiler, dsl, kubernetes

HERE = Path(__file__).parent

# KEDRO_PROJECT says where the project is, where that is not the folder of the image.
RUN_NODE = 'cd "${KEDRO_PROJECT:-/home/kedro}" && exec python -m kedro run --env kfp --pipeline "$1" --nodes "$2" ${3:+--params "$3"}'
FILL_VOLUME = 'cp -R "${KEDRO_PROJECT:-/home/kedro}/data/." "$1"'

# One volume for each run, by a name that the exit pipeline knows as well.
VOLUME = f"flowers-{dsl.PIPELINE_JOB_ID_PLACEHOLDER}"


class Converter:
    def __init__(self, settings):
        self.settings = settings

    def chosen(self, kind, node):
        """What counts for a node: its own entry, else the default."""
        entries = self.settings.get(kind) or {}
        return entries.get(node, entries.get("__default__"))

    def step(self, name, script, *arguments, params=""):
        """A task called `name`, in the image of the project."""

        def component(params: str):
            return dsl.ContainerSpec(image=self.settings["image"], command=["sh", "-c", script, "sh"], args=[*arguments, params])

        component.__name__ = name
        task = dsl.container_component(component)(params=params)
        task.set_env_variable("DO_NOT_TRACK", "1")  # or every step would report to Kedro's makers
        return task

    def node(self, name, pipeline, params, volume):
        task = self.step(name, RUN_NODE, pipeline, name, params=params)
        kubernetes.mount_pvc(task, pvc_name=volume, mount_path=self.settings["volume"]["mount_path"])
        for setting, value in (self.chosen("resources", name) or {}).items():
            getattr(task, f"set_{setting}")(value)
        for toleration in self.chosen("tolerations", name) or []:
            kubernetes.add_toleration(task, **toleration)
        for extra in self.chosen("extra_volumes", name) or []:
            mount_extra(task, **extra)
        if retry := self.chosen("retry", name):
            task.set_retry(**retry)
        caching = self.chosen("caching", name)
        task.set_caching_options(bool(caching), cache_key=caching if isinstance(caching, str) else None)
        return task

    def nodes(self, pipeline, params, volume):
        """A task for each node, in the order that Kedro gives them."""
        nodes = pipelines[pipeline]
        tasks = {}
        for node in nodes.nodes:
            before = sorted(other.name for other in nodes.node_dependencies[node])
            tasks[node.name] = self.node(node.name, pipeline, params, volume).after(*[tasks[name] for name in before])
        return list(tasks.values())

    def pipeline(self):
        claim = self.settings["volume"]

        @dsl.pipeline(name=f"{self.settings['name']}-on-exit")
        def on_exit(params: str, volume: str):
            told = self.nodes(self.settings["on_exit_pipeline"], params, volume)
            delete = kubernetes.DeletePVC(pvc_name=volume).after(*told).set_caching_options(False)
            delete.ignore_upstream_failure()

        @dsl.pipeline(name=self.settings["name"])
        def kedro(params: str = ""):
            """params: for `kedro run --params`, as seed=3"""
            with dsl.ExitHandler(on_exit(params=params, volume=VOLUME), name="nodes"):
                created = kubernetes.CreatePVC(
                    pvc_name=VOLUME,
                    access_modes=claim["access_modes"],
                    size=claim["size"],
                    storage_class_name=claim["storage_class"],
                ).set_caching_options(False)
                volume = created.outputs["name"]
                filled = self.step("fill_volume", FILL_VOLUME, claim["mount_path"]).set_caching_options(False)
                kubernetes.mount_pvc(filled, pvc_name=volume, mount_path=claim["mount_path"])
                for task in self.nodes(self.settings["pipeline"], params, volume):
                    task.after(filled)

        return kedro


def mount_extra(task, mount_path, secret=None, config_map=None, empty_dir=None, size=None, optional=False):
    if secret:
        kubernetes.use_secret_as_volume(task, secret_name=secret, mount_path=mount_path, optional=optional)
    elif config_map:
        kubernetes.use_config_map_as_volume(task, config_map_name=config_map, mount_path=mount_path, optional=optional)
    else:
        kubernetes.empty_dir_mount(task, volume_name=empty_dir, mount_path=mount_path, size_limit=size)


if __name__ == "__main__":
    bootstrap_project(HERE / "project")
    settings = yaml.safe_load((HERE / "kubeflow.yml").read_text())
    compiler.Compiler().compile(Converter(settings).pipeline(), str(HERE / "pipeline.yaml"))
