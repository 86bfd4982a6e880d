"""A small service over kfp.Client, of the kind that teams put between their own tools and Kubeflow Pipelines.

    KFP_ENDPOINT=http://127.0.0.1:8888 flask --app adapter run --port 5000

KFP_TOKEN, where the API requires one. Errors of the API keep their status, with its own words as {"error": ...}.
"""

import os
import tempfile

import kfp_server_api
from flask import Flask, jsonify, request
from kfp import Client

ENDED = ("SUCCEEDED", "FAILED", "SKIPPED", "CANCELED")
LARGEST_FILE_BYTES = 32 * 1024 * 1024


def create_app(endpoint=None, token=None):
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_FILE_BYTES
    client = Client(
        host=endpoint or os.environ.get("KFP_ENDPOINT", "http://127.0.0.1:8888"),
        existing_token=token or os.environ.get("KFP_TOKEN"),
    )

    @app.errorhandler(kfp_server_api.ApiException)
    def api_error(error):
        return jsonify(error=error.body or error.reason), error.status or 502

    @app.errorhandler(KeyError)
    def missing(error):
        return jsonify(error=f"The request has no {error.args[0]}"), 400

    def uploaded(upload):
        """Calls upload with the path of the file that the request carries."""
        file = request.files.get("file")
        if file is None:
            return jsonify(error='The request has no file: send one as the form field "file"'), 400
        suffix = os.path.splitext(file.filename or "")[1] or ".yaml"
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, f"pipeline{suffix}")
            file.save(path)
            return jsonify(upload(path)), 201

    def pipeline_json(pipeline):
        return {
            "id": pipeline.pipeline_id,
            "name": pipeline.display_name,
            "description": pipeline.description,
            "created_at": pipeline.created_at.isoformat(),
        }

    def version_json(version):
        return {
            "id": version.pipeline_version_id,
            "pipeline_id": version.pipeline_id,
            "name": version.display_name,
            "created_at": version.created_at.isoformat(),
        }

    def run_json(run):
        return {
            "id": run.run_id,
            "name": run.display_name,
            "state": run.state,
            "ended": run.state in ENDED,
            "error": run.error.message if run.error else None,
            "history": [entry.state for entry in run.state_history or []],
        }

    def all_versions(pipeline_id):
        """The oldest first, page by page."""
        versions, token = [], ""
        while True:
            page = client.list_pipeline_versions(pipeline_id, page_token=token, page_size=100, sort_by="created_at")
            versions += page.pipeline_versions or []
            token = page.next_page_token
            if not token:
                return versions

    @app.get("/pipelines/by-name/<name>")
    def find_pipeline(name):
        pipeline_id = client.get_pipeline_id(name)
        if pipeline_id is None:
            return jsonify(error=f"There is no pipeline {name}"), 404
        return jsonify(id=pipeline_id)

    @app.post("/pipelines")
    def upload_pipeline():
        name = request.form["name"]
        return uploaded(lambda path: pipeline_json(client.upload_pipeline(path, pipeline_name=name)))

    @app.post("/pipelines/<pipeline_id>/versions")
    def upload_version(pipeline_id):
        """As the next version: v2, v3 and so on, unless the form names it."""
        number = client.list_pipeline_versions(pipeline_id, page_size=1).total_size + 1
        name = request.form.get("name") or f"v{number}"
        return uploaded(
            lambda path: version_json(client.upload_pipeline_version(path, name, pipeline_id=pipeline_id))
        )

    @app.get("/pipelines/<pipeline_id>/versions")
    def list_versions(pipeline_id):
        return jsonify([version_json(version) for version in all_versions(pipeline_id)])

    @app.get("/pipelines/<pipeline_id>")
    def describe_pipeline(pipeline_id):
        pipeline = client.get_pipeline(pipeline_id)
        versions = all_versions(pipeline_id)
        inputs = {}
        if versions:
            spec = versions[-1].pipeline_spec
            root = spec.get("pipeline_spec", spec)["root"]
            for name, parameter in root.get("inputDefinitions", {}).get("parameters", {}).items():
                inputs[name] = parameter["parameterType"]
        return jsonify({**pipeline_json(pipeline), "versions": len(versions), "parameters": inputs})

    @app.delete("/pipelines/<pipeline_id>")
    def delete_pipeline(pipeline_id):
        """With its versions: a pipeline that has some is not deleted."""
        for version in all_versions(pipeline_id):
            client.delete_pipeline_version(pipeline_id, version.pipeline_version_id)
        client.delete_pipeline(pipeline_id)
        return "", 204

    @app.post("/pipelines/<pipeline_id>/runs")
    def start_run(pipeline_id):
        """{"name", "parameters", "experiment"}, all of them optional; runs the newest version."""
        asked = request.get_json(silent=True) or {}
        versions = all_versions(pipeline_id)
        if not versions:
            return jsonify(error=f"Pipeline {pipeline_id} has no version to run"), 409
        experiment = client.create_experiment(asked.get("experiment", "Default"))
        run = client.run_pipeline(
            experiment.experiment_id,
            asked.get("name") or f"run of {client.get_pipeline(pipeline_id).display_name}",
            params=asked.get("parameters") or {},
            pipeline_id=pipeline_id,
            version_id=versions[-1].pipeline_version_id,
        )
        return jsonify(run_json(run)), 201

    @app.get("/runs/<run_id>")
    def watch_run(run_id):
        """?wait=SECONDS waits so long for the end of the run, a minute at most."""
        seconds = min(request.args.get("wait", default=0, type=float), 60)
        if seconds > 0:
            try:
                return jsonify(run_json(client.wait_for_run_completion(run_id, timeout=seconds, sleep_duration=0.5)))
            except TimeoutError:
                pass
        return jsonify(run_json(client.get_run(run_id)))

    @app.post("/runs/<run_id>/terminate")
    def terminate_run(run_id):
        client.terminate_run(run_id)
        return jsonify(run_json(client.get_run(run_id))), 202

    return app


# Not when a test imports it: a client looks for its API at once.
if os.environ.get("FLASK_RUN_FROM_CLI"):
    app = create_app()
