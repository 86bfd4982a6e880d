"""Kubernetes settings of tasks: each with constants, parameters of the pipeline, and outputs of other tasks where the SDK allows."""

from typing import Dict, List

from kfp import dsl, kubernetes
from kfp.dsl import pipeline_task

from steps import IMAGE, make_text, say


@dsl.component
def make_settings() -> Dict[str, str]:
    return {"disk": "ssd"}


@dsl.component
def make_tolerations() -> List[Dict[str, str]]:
    return [{"key": "gpu", "operator": "Exists"}]


def with_kubernetes(task: pipeline_task.PipelineTask, settings: dict) -> pipeline_task.PipelineTask:
    """Sets members of the executor config that the SDK has no function for."""
    task.platform_config.setdefault("kubernetes", {}).update(settings)
    return task


@dsl.pipeline
def kubernetes_secrets():
    task = say(text="constants")
    kubernetes.use_secret_as_env(task, "login", {"user": "USER_NAME", "password": "PASSWORD"})
    kubernetes.use_secret_as_env(task, "maybe", {"token": "TOKEN"}, optional=True)
    kubernetes.use_secret_as_volume(task, "certificate", "/etc/certificate")
    kubernetes.use_secret_as_volume(task, "maybe", "/etc/maybe", optional=True)


@dsl.pipeline
def kubernetes_secrets_by_name(secret: str = "login"):
    made = make_text()
    task = say(text="names")
    kubernetes.use_secret_as_env(task, secret, {"user": "USER_NAME"})
    kubernetes.use_secret_as_env(task, made.output, {"token": "TOKEN"})
    kubernetes.use_secret_as_volume(task, secret, "/etc/secret")
    kubernetes.use_secret_as_volume(task, made.output, "/etc/made")


@dsl.pipeline
def kubernetes_secrets_in_a_loop():
    with dsl.ParallelFor(["first", "second"]) as secret:
        task = say(text=secret)
        kubernetes.use_secret_as_env(task, secret, {"user": "USER_NAME"})
        kubernetes.use_secret_as_volume(task, secret, "/etc/secret")


@dsl.pipeline
def kubernetes_config_maps():
    task = say(text="constants")
    kubernetes.use_config_map_as_env(task, "settings", {"level": "LEVEL", "mode": "MODE"})
    kubernetes.use_config_map_as_env(task, "maybe", {"extra": "EXTRA"}, optional=True)
    kubernetes.use_config_map_as_volume(task, "settings", "/etc/settings")
    kubernetes.use_config_map_as_volume(task, "maybe", "/etc/maybe", optional=True)


@dsl.pipeline
def kubernetes_config_maps_by_name(name: str = "settings"):
    made = make_text()
    task = say(text="names")
    kubernetes.use_config_map_as_env(task, name, {"level": "LEVEL"})
    kubernetes.use_config_map_as_env(task, made.output, {"mode": "MODE"})
    kubernetes.use_config_map_as_volume(task, name, "/etc/settings")
    kubernetes.use_config_map_as_volume(task, made.output, "/etc/made")


@dsl.pipeline
def kubernetes_claims(claim: str = "claim-of-the-parameter"):
    made = make_text()
    task = say(text="claims")
    kubernetes.mount_pvc(task, pvc_name="constant-claim", mount_path="/constant")
    kubernetes.mount_pvc(task, pvc_name=claim, mount_path="/parameter", sub_path="below/it")
    kubernetes.mount_pvc(task, pvc_name=made.output, mount_path="/output")


@dsl.pipeline
def kubernetes_create_and_delete_claim(size: str = "5Gi"):
    created = kubernetes.CreatePVC(
        pvc_name_suffix="-data", access_modes=["ReadWriteOnce"], size=size, storage_class_name="standard"
    )
    task = say(text="claim")
    kubernetes.mount_pvc(task, pvc_name=created.outputs["name"], mount_path="/data")
    kubernetes.DeletePVC(pvc_name=created.outputs["name"]).after(task)


@dsl.pipeline
def kubernetes_create_claim_in_full():
    kubernetes.CreatePVC(
        pvc_name="fixed-name",
        access_modes=["ReadWriteMany", "ReadOnlyMany"],
        size="1Ti",
        storage_class_name="",
        volume_name="pv-1",
        annotations={"owner": "team"},
        data_source={"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "snap"},
    )
    kubernetes.DeletePVC(pvc_name="fixed-name")


@dsl.pipeline
def kubernetes_claim_per_iteration():
    with dsl.ParallelFor(["1Gi", "2Gi"]) as size:
        created = kubernetes.CreatePVC(pvc_name_suffix="-each", access_modes=["ReadWriteOnce"], size=size)
        task = say(text="claim")
        kubernetes.mount_pvc(task, pvc_name=created.outputs["name"], mount_path="/data")


@dsl.pipeline
def kubernetes_ephemeral_volumes():
    task = say(text="volumes")
    kubernetes.add_ephemeral_volume(task, "scratch", "/scratch", access_modes=["ReadWriteOnce"], size="5Gi")
    kubernetes.add_ephemeral_volume(
        task,
        volume_name="fast",
        mount_path="/fast",
        access_modes=["ReadWriteOnce", "ReadOnlyMany"],
        size="10Gi",
        storage_class_name="fast",
        labels={"team": "a"},
        annotations={"note": "b"},
    )


@dsl.pipeline
def kubernetes_empty_dirs():
    task = say(text="volumes")
    kubernetes.empty_dir_mount(task, "plain", "/plain")
    kubernetes.empty_dir_mount(task, "memory", "/dev/shm", medium="Memory", size_limit="1Gi")


@dsl.pipeline
def kubernetes_node_selector(selector: Dict[str, str] = {"zone": "b"}):
    task = say(text="labels")
    kubernetes.add_node_selector(task, "disk", "ssd")
    kubernetes.add_node_selector(task, "zone", "a")
    kubernetes.add_node_selector_json(say(text="parameter"), selector)
    kubernetes.add_node_selector_json(say(text="output"), make_settings().output)


@dsl.pipeline
def kubernetes_tolerations(toleration: Dict[str, str] = {"operator": "Exists"}):
    task = say(text="constants")
    kubernetes.add_toleration(task, key="gpu", operator="Equal", value="yes", effect="NoExecute", toleration_seconds=30)
    kubernetes.add_toleration(task, operator="Exists")
    kubernetes.add_toleration_json(task, [{"key": "spot", "operator": "Exists"}])
    kubernetes.add_toleration_json(task, toleration)
    kubernetes.add_toleration_json(say(text="output"), make_tolerations().output)


@dsl.pipeline
def kubernetes_node_affinity(
    affinity: dict = {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 7, "preference": {"matchExpressions": [{"key": "rack", "operator": "Exists"}]}}
        ]
    },
):
    task = say(text="constants")
    kubernetes.add_node_affinity(
        task,
        match_expressions=[{"key": "disk", "operator": "In", "values": ["ssd", "nvme"]}],
        match_fields=[{"key": "metadata.name", "operator": "NotIn", "values": ["node-1"]}],
    )
    kubernetes.add_node_affinity(task, match_expressions=[{"key": "zone", "operator": "Exists"}], weight=50)
    kubernetes.add_node_affinity_json(
        say(text="JSON"),
        {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "Exists"}]}]
            }
        },
    )
    kubernetes.add_node_affinity_json(say(text="parameter"), affinity)


@dsl.pipeline
def kubernetes_pod_metadata():
    task = say(text="metadata")
    kubernetes.add_pod_label(task, "team", "a")
    kubernetes.add_pod_annotation(task, "note", "for people")


@dsl.pipeline
def kubernetes_images(secret: str = "registry-login"):
    task = say(text="images")
    kubernetes.set_image_pull_secrets(task, ["constant-login", secret, make_text().output])
    kubernetes.set_image_pull_policy(task, "Always")


@dsl.pipeline
def kubernetes_field_paths():
    task = say(text="fields")
    kubernetes.use_field_path_as_env(task, env_name="POD_NAME", field_path="metadata.name")
    kubernetes.use_field_path_as_env(task, env_name="NODE", field_path="spec.nodeName")


@dsl.pipeline
def kubernetes_timeout():
    kubernetes.set_timeout(say(text="at most a minute"), 60)


@dsl.pipeline
def kubernetes_security_context():
    kubernetes.set_security_context(say(text="user"), run_as_user=1000, run_as_group=2000, run_as_non_root=True)
    kubernetes.set_security_context(say(text="root"), run_as_user=0, run_as_non_root=False)


@dsl.pipeline
def kubernetes_extensions():
    """What the reference reads nowhere, and ours applies."""
    with_kubernetes(
        say(text="close by"),
        {
            "podAffinity": [{"matchPodLabels": {"app": "a"}, "topologyKey": "zone", "anti": True}],
            "enabledSharedMemory": {"volumeName": "shm", "size": "1Gi"},
        },
    )


@dsl.pipeline
def kubernetes_deprecated_members(claim: str = "claim"):
    """What older SDKs wrote."""
    with_kubernetes(
        say(text=claim),
        {
            "secretAsVolume": [{"secretName": "old", "mountPath": "/old-secret"}],
            "secretAsEnv": [{"secretName": "old", "keyToEnv": [{"secretKey": "k", "envVar": "OLD_SECRET"}]}],
            "configMapAsVolume": [{"configMapName": "old", "mountPath": "/old-map"}],
            "configMapAsEnv": [{"configMapName": "old", "keyToEnv": [{"configMapKey": "k", "envVar": "OLD_MAP"}]}],
            "pvcMount": [{"constant": "old-claim", "mountPath": "/old-claim"}],
            "imagePullSecret": [{"secretName": "old"}],
        },
    )


@dsl.pipeline
def kubernetes_many_settings(secret: str = "login"):
    task = say(text="many").set_cpu_limit("1").set_env_variable("MINE", "x")
    kubernetes.use_secret_as_env(task, secret, {"user": "USER_NAME"})
    kubernetes.use_config_map_as_volume(task, "settings", "/etc/settings")
    kubernetes.mount_pvc(task, pvc_name="claim", mount_path="/claim")
    kubernetes.empty_dir_mount(task, "plain", "/plain")
    kubernetes.add_node_selector(task, "disk", "ssd")
    kubernetes.add_toleration(task, operator="Exists")
    kubernetes.set_security_context(task, run_as_user=1000)
    kubernetes.set_timeout(task, 3600)
    kubernetes.add_pod_label(task, "team", "a")


PIPELINES = [
    kubernetes_secrets,
    kubernetes_secrets_by_name,
    kubernetes_secrets_in_a_loop,
    kubernetes_config_maps,
    kubernetes_config_maps_by_name,
    kubernetes_claims,
    kubernetes_create_and_delete_claim,
    kubernetes_create_claim_in_full,
    kubernetes_claim_per_iteration,
    kubernetes_ephemeral_volumes,
    kubernetes_empty_dirs,
    kubernetes_node_selector,
    kubernetes_tolerations,
    kubernetes_node_affinity,
    kubernetes_pod_metadata,
    kubernetes_images,
    kubernetes_field_paths,
    kubernetes_timeout,
    kubernetes_security_context,
    kubernetes_extensions,
    kubernetes_deprecated_members,
    kubernetes_many_settings,
]
