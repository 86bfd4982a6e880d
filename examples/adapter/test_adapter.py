"""Every route of the adapter, against the API that KFP_ENDPOINT names (KFP_TOKEN where it requires one)."""

import io
import os
import time
import unittest
import uuid

from adapter import create_app

PIPELINE = """
pipelineInfo: {name: adapter-test}
schemaVersion: 2.1.0
sdkVersion: kfp-2.17.3
components:
  comp-sleep:
    executorLabel: exec-sleep
    inputDefinitions: {parameters: {seconds: {parameterType: STRING}}}
deploymentSpec:
  executors:
    exec-sleep:
      container: {image: busybox, command: [sleep], args: ["{{$.inputs.parameters['seconds']}}"]}
root:
  inputDefinitions: {parameters: {seconds: {parameterType: STRING}}}
  dag:
    tasks:
      sleep:
        taskInfo: {name: sleep}
        componentRef: {name: comp-sleep}
        inputs: {parameters: {seconds: {componentInputParameter: seconds}}}
"""


class AdapterTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.web = create_app().test_client()
        cls.name = f"adapter-{uuid.uuid4()}"

    def form(self, **fields):
        return {**fields, "file": (io.BytesIO(PIPELINE.encode()), "pipeline.yaml")}

    def test_life_of_a_pipeline(self):
        self.assertEqual(self.web.get(f"/pipelines/by-name/{self.name}").status_code, 404)
        made = self.web.post("/pipelines", data=self.form(name=self.name))
        self.assertEqual(made.status_code, 201, made.text)
        pipeline_id = made.json["id"]
        self.assertEqual(self.web.get(f"/pipelines/by-name/{self.name}").json, {"id": pipeline_id})
        self.assertEqual(self.web.post("/pipelines", data=self.form(name=self.name)).status_code, 409)

        for _ in range(2):
            self.assertEqual(self.web.post(f"/pipelines/{pipeline_id}/versions", data=self.form()).status_code, 201)
        versions = self.web.get(f"/pipelines/{pipeline_id}/versions").json
        self.assertEqual({each["name"] for each in versions}, {self.name, "v2", "v3"})
        described = self.web.get(f"/pipelines/{pipeline_id}").json
        self.assertEqual((described["versions"], described["parameters"]), (3, {"seconds": "STRING"}))

        self.watch_and_terminate(pipeline_id)
        self.assertEqual(self.web.delete(f"/pipelines/{pipeline_id}").status_code, 204)
        self.assertEqual(self.web.get(f"/pipelines/{pipeline_id}").status_code, 404)

    def watch_and_terminate(self, pipeline_id):
        start = lambda seconds: self.web.post(f"/pipelines/{pipeline_id}/runs", json={"parameters": {"seconds": seconds}})
        run = start("0")
        self.assertEqual(run.status_code, 201, run.text)
        ended = self.web.get(f"/runs/{run.json['id']}?wait=60").json
        self.assertEqual((ended["state"], ended["ended"]), ("SUCCEEDED", True))
        self.assertEqual(ended["history"], ["PENDING", "RUNNING", "SUCCEEDED"])

        run_id = start("1000").json["id"]
        deadline = time.monotonic() + 60
        while self.web.get(f"/runs/{run_id}").json["state"] != "RUNNING" and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(self.web.post(f"/runs/{run_id}/terminate").status_code, 202)
        ended = self.web.get(f"/runs/{run_id}?wait=60").json
        self.assertEqual(ended["history"], ["PENDING", "RUNNING", "CANCELING", "FAILED"])

    def test_errors_say_what_is_wrong(self):
        no_file = self.web.post("/pipelines", data={"name": "x"})
        self.assertEqual((no_file.status_code, "file" in no_file.json["error"]), (400, True))
        self.assertEqual(self.web.post("/pipelines", data=self.form()).status_code, 400)
        unknown = self.web.get(f"/runs/{uuid.uuid4()}")
        self.assertEqual((unknown.status_code, "not found" in unknown.json["error"]), (404, True))


if __name__ == "__main__":
    missing = [name for name in ["KFP_ENDPOINT"] if not os.environ.get(name)]
    if missing:
        raise SystemExit(f"Set {missing[0]} to the address of the API")
    unittest.main()
