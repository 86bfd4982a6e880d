"""Settings of the pipeline on its platform: workspace, time to live, and task configurations handed to the component."""

from kfp import dsl, kubernetes
from kfp.dsl import TaskConfigField, TaskConfigPassthrough

from steps import make_text, say


@dsl.component(
    task_config_passthroughs=[
        TaskConfigField.RESOURCES,
        TaskConfigField.KUBERNETES_TOLERATIONS,
        TaskConfigField.KUBERNETES_NODE_SELECTOR,
        TaskConfigField.KUBERNETES_AFFINITY,
        TaskConfigPassthrough(field=TaskConfigField.ENV, apply_to_task=True),
        TaskConfigPassthrough(field=TaskConfigField.KUBERNETES_VOLUMES, apply_to_task=True),
    ]
)
def start_elsewhere(config: dsl.TaskConfig, workers: int = 2):
    print(config, workers)


@dsl.component
def write_to(path: str):
    print(path)


@dsl.pipeline
def task_config():
    task = start_elsewhere(workers=3)
    task.set_cpu_limit("2").set_memory_request("1Gi").set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(1)
    task.set_env_variable("MODE", "far")
    kubernetes.add_toleration(task, key="gpu", operator="Exists")
    kubernetes.add_node_selector(task, "disk", "ssd")
    kubernetes.add_node_affinity(task, match_expressions=[{"key": "zone", "operator": "Exists"}])
    kubernetes.mount_pvc(task, pvc_name="claim", mount_path="/claim")


@dsl.pipeline
def task_config_empty():
    start_elsewhere()


@dsl.pipeline(
    pipeline_config=dsl.PipelineConfig(
        workspace=dsl.WorkspaceConfig(
            size="10Gi",
            kubernetes=dsl.KubernetesWorkspaceConfig(
                pvcSpecPatch={"storageClassName": "standard", "accessModes": ["ReadWriteOnce"]}
            ),
        )
    )
)
def workspace():
    written = write_to(path=dsl.WORKSPACE_PATH_PLACEHOLDER)
    say(text="no workspace").after(written)
    write_to(path=f"{dsl.WORKSPACE_PATH_PLACEHOLDER}/{make_text().output}")


@dsl.pipeline(
    pipeline_config=dsl.PipelineConfig(
        ttl_seconds_after_finished=3600,
        ttl_seconds_after_success=60,
        ttl_seconds_after_failure=86400,
        active_deadline_seconds=7200,
    )
)
def time_limits_of_the_run():
    say(text="soon over")


PIPELINES = [task_config, task_config_empty, workspace, time_limits_of_the_run]
