/**
 * Paths of artifacts that the SDK does not know: SDKs before 2.5.0 have none for a URI without a scheme, which is what a local artifact
 * has, and none of them looks below ARTIFACT_LOCAL_PATH, where the launcher puts the copies of remote artifacts.
 *
 * Python imports `sitecustomize` when it starts. Ours, put on PYTHONPATH for steps that run the SDK's executor, waits for the module
 * that knows the paths, and lets a URI that is an absolute path be its own path where the SDK has no answer. With ARTIFACT_LOCAL_PATH
 * that folder comes before the path of a remote artifact, and off a path that a component sets. A `sitecustomize` that this hides is
 * imported afterwards.
 *
 * Source: kubeflow/pipelines sdk/python/kfp/dsl/types/artifact_types.py @ e2520ff3becd0c29aa02ddcbd281bb68a4750354
 * (`Artifact._get_path`; also kfp 2.0.1, 2.1.3, 2.4.0, 2.5.0); Python's module `site`.
 *
 * @module
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const EXECUTOR = /\bkfp\.(?:dsl|components)\.executor_main\b/;

/** Whether a step's command runs the executor of the SDK, directly or from a script in one of its arguments. */
export function runsSdkExecutor(command: readonly string[]): boolean {
  return command.some((text) => EXECUTOR.test(text));
}

/** The environment with the folder first on PYTHONPATH. */
export function withSdkPaths(base: Readonly<Record<string, string>>, folder: string): Record<string, string> {
  const { PYTHONPATH: path = "" } = base;
  return { ...base, PYTHONPATH: path === "" ? folder : `${folder}:${path}` };
}

/** Writes what {@link withSdkPaths} names. @param folder Holds nothing else; made with its parents. */
export async function writeSdkPaths(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "sitecustomize.py"), SITECUSTOMIZE);
}

const SITECUSTOMIZE = `# Made by kfp-runtime: artifacts of a local run are files, or copies below ARTIFACT_LOCAL_PATH, which KFP SDKs do not all find.
import importlib.machinery
import os
import sys

_MODULES = ("kfp.dsl.types.artifact_types", "kfp.components.types.artifact_types")
_COPIES = os.environ.get("ARTIFACT_LOCAL_PATH", "").rstrip("/")
_MAPPED = ("/gcs/", "/minio/", "/s3/")
_WORKSPACE = "/kfp-workspace/.artifacts"


def _below_copies(path):
    if path.startswith(_MAPPED):
        return _COPIES + path
    if path.startswith(_WORKSPACE) and path[len(_WORKSPACE):].startswith(_MAPPED):
        return _WORKSPACE + _COPIES + path[len(_WORKSPACE):]
    return path


def _complete(module):
    artifact = getattr(module, "Artifact", None)
    original = getattr(artifact, "_get_path", None)
    if original is None:
        return

    def _get_path(self):
        path = original(self)
        if path is None and isinstance(self.uri, str) and self.uri.startswith("/"):
            return self.uri
        if _COPIES and isinstance(path, str) and not getattr(self, "custom_path", ""):
            return _below_copies(path)
        return path

    artifact._get_path = _get_path
    _complete_way_back(module)


def _complete_way_back(module):
    original = getattr(module, "convert_local_path_to_remote_path", None)
    if original is None or not _COPIES:
        return

    def convert_local_path_to_remote_path(path):
        return original(path[len(_COPIES):] if path.startswith(tuple(_COPIES + mapped for mapped in _MAPPED)) else path)

    module.convert_local_path_to_remote_path = convert_local_path_to_remote_path


class _Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in _MODULES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or not hasattr(spec.loader, "exec_module"):
            return spec
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            _complete(module)

        spec.loader.exec_module = exec_module
        return spec


def _install():
    sys.meta_path.insert(0, _Finder)
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if not entry or os.path.abspath(entry) != own]
    # The one that this file stands in front of, if there is one.
    ours = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if getattr(error, "name", None) != "sitecustomize":
            raise
    finally:
        if ours is not None:
            sys.modules.setdefault("sitecustomize", ours)


_install()
`;
