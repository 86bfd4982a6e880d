/** What the reference's pipelines come to that want secrets, volumes, stores or packages. @module */
import { OK, prints, returns, type RealRun } from "./real-run.ts";

const SECRET = { "test-secret-1/username": "user1" };
/** The components return what the variable holds. */
const USER = returns("user1");
const SHAKESPEARE = "gs://ml-pipeline-playground/shakespeare1.txt";

/** Counts of three classes, whatever they are. */
function confusionMatrix(...names: readonly string[]): RegExp {
  const specs = names.map((displayName) => JSON.stringify({ displayName })).join(",");
  const rows = String.raw`(\{"row":\[\d+,\d+,\d+\]\},?){3}`;
  return new RegExp(`^\\{"confusionMatrix":\\{"annotationSpecs":\\[${specs}\\],"rows":\\[${rows}\\]\\}\\}$`);
}

export const referencePlatform: readonly RealRun[] = [
  {
    pipeline: "component_with_pip_index_urls",
    tasks: { "component-op": prints(/^\[.*'__version__'.*\]$/m) },
  },
  {
    pipeline: "component_with_pip_install",
    tasks: { "component-with-pip-install": prints(/^\[.*'__version__'.*\]$/m) },
  },
  {
    pipeline: "embedded_artifact",
    // It asks for an SDK that does not know embedded inputs yet.
    state: "FAILED",
    tasks: {
      "read-embedded-artifact-dir": { state: "FAILED", prints: /has no attribute 'EmbeddedInput'/, error: /exit status 1/ },
      "read-embedded-artifact-file": { state: "FAILED", prints: /has no attribute 'EmbeddedInput'/, error: /exit status 1/ },
    },
  },
  {
    pipeline: "iris_pipeline_compiled",
    tasks: {
      "create-dataset": {
        artifacts: { iris_dataset: { content: /^,Sepal_Length,Sepal_Width,Petal_Length,Petal_Width,Labels\n/ } },
      },
      "normalize-dataset": { artifacts: { normalized_iris_dataset: { metadata: { state: "Normalized" } } } },
      "train-model": {
        artifacts: {
          model: { type: "Model", metadata: { framework: "scikit-learn" } },
          metrics: {
            type: "ClassificationMetric",
            metadata: confusionMatrix("Iris-Setosa", "Iris-Versicolour", "Iris-Virginica"),
          },
        },
      },
    },
  },
  {
    pipeline: "metrics_visualization_v2",
    tasks: {
      "digit-classification": { artifacts: { metrics: { type: "Metric", metadata: /^\{"accuracy":[\d.]+\}$/ } } },
      "html-visualization": {
        artifacts: {
          html_artifact: { type: "HTML", content: "<!DOCTYPE html><html><body><h1>Hello world</h1></body></html>" },
        },
      },
      "iris-sgdclassifier": {
        artifacts: {
          metrics: { type: "ClassificationMetric", metadata: confusionMatrix("Setosa", "Versicolour", "Virginica") },
        },
      },
      "markdown-visualization": {
        artifacts: { markdown_artifact: { type: "Markdown", content: "## Hello world \n\n Markdown content" } },
      },
      "wine-classification": {
        artifacts: {
          metrics: {
            type: "ClassificationMetric",
            metadata: /"confidenceMetrics":\[\{"confidenceThreshold":0\.999999,"recall":0,/,
          },
        },
      },
    },
  },
  { pipeline: "missing_kubernetes_optional_inputs", tasks: { "log-message": prints("baseline task") } },
  {
    pipeline: "nested_parallel_for_secret",
    objects: SECRET,
    tasks: {
      "emit-secret-name": returns("test-secret-1"),
      "for-loop-2": OK,
      "for-loop-2.worker-component[0]": { ...USER, prints: "Item: x, Secret set: True" },
      "for-loop-2.worker-component[1]": { ...USER, prints: "Item: y, Secret set: True" },
    },
  },
  {
    pipeline: "parallel_for_secret",
    objects: SECRET,
    tasks: {
      "for-loop-2": OK,
      "for-loop-2.example-component[0]": { ...USER, prints: "Item: a, Secret set: True" },
      "for-loop-2.example-component[1]": { ...USER, prints: "Item: b, Secret set: True" },
      "for-loop-2.example-component[2]": { ...USER, prints: "Item: c, Secret set: True" },
    },
  },
  {
    pipeline: "notebook_component_mixed",
    // "Hello   world" without its spaces has eleven letters.
    tasks: {
      preprocess: { artifacts: { dataset: { content: "Hello world" } } },
      "train-model": { artifacts: { model: { type: "Model", content: "HELLO WORLD" } } },
      "evaluate-model": { artifacts: { metrics: { type: "Metric", number: 11, metadata: { score: 11 } } } },
    },
  },
  { pipeline: "notebook_component_simple", tasks: { "run-train-notebook": OK } },
  {
    pipeline: "pipeline_with_dynamic_importer_metadata",
    stored: { [SHAKESPEARE]: "To be" },
    tasks: {
      "make-name": returns("a-different-name"),
      importer: {
        artifacts: {
          artifact: {
            uri: SHAKESPEARE,
            metadata: {
              containerSpec: { imageUri: "us-docker.pkg.dev/vertex-ai/prediction/tf2-gpu.2-5:latest" },
              name: ["default-name", "alias-name"],
            },
          },
        },
      },
      "importer-2": {
        artifacts: {
          artifact: {
            uri: SHAKESPEARE,
            metadata: {
              containerSpec: { imageUri: "us-docker.pkg.dev/vertex-ai/prediction/tf2-gpu.2-5:latest" },
              "list-of-data": ["a-different-name", "default-name", 1],
              name: "prefix-a-different-name",
              "a-different-name": "a-different-name",
              "default-name": "us-docker.pkg.dev/vertex-ai/prediction/tf2-gpu.2-5:latest",
            },
          },
        },
      },
    },
  },
  {
    pipeline: "pipeline_with_importer",
    stored: { [SHAKESPEARE]: "To be", "gs://ml-pipeline-playground/shakespeare2.txt": "or not" },
    tasks: {
      importer: { artifacts: { artifact: { uri: SHAKESPEARE, metadata: { key: "value" } } } },
      train: {
        prints: "Dataset: To be",
        parameters: { scalar: "123" },
        artifacts: { model: { type: "Model", content: "My model trained using data: To be" } },
      },
      "condition-1": OK,
      "condition-1.importer-2": { artifacts: { artifact: { uri: "gs://ml-pipeline-playground/shakespeare2.txt" } } },
      "condition-1.train-2": {
        prints: "Dataset: or not",
        parameters: { scalar: "123" },
        artifacts: { model: { type: "Model", content: "My model trained using data: or not" } },
      },
    },
  },
  {
    pipeline: "pipeline_with_importer_workspace",
    tasks: {
      "write-file-artifact": { artifacts: { out_ds: { content: "Hello from producer file\n" } } },
      "write-dir-artifact": { artifacts: { out_ds: { files: ["part-000.txt", "part-001.txt"] } } },
      "get-uri": OK,
      "get-uri-2": OK,
      "import-stage": { parameters: { dir_result: "part-000.txt,part-001.txt", train_result: "123" } },
      "import-stage.importer": {
        artifacts: { artifact: { content: "Hello from producer file\n", metadata: { key: "value" } } },
      },
      "import-stage.importer-2": { artifacts: { artifact: { metadata: { source: "directory" } } } },
      "import-stage.train": {
        prints: "Dataset: Hello from producer file\n",
        parameters: { scalar: "123", message: "My model trained using data: Hello from producer file\n" },
      },
      "import-stage.read-dir": {
        prints: "Found 2 files: part-000.txt,part-001.txt",
        parameters: { Output: "part-000.txt,part-001.txt" },
      },
    },
    outputs: { parameters: { dir_result: "part-000.txt,part-001.txt", train_result: "123" } },
  },
  { pipeline: "pipeline_with_secret_as_volume", objects: SECRET, tasks: { comp: prints("username: user1") } },
  {
    pipeline: "pipeline_with_volume",
    tasks: {
      createpvc: OK,
      producer: { prints: "Hello world", parameters: { Output: "Hello world" } },
      consumer: { prints: "Hello world", parameters: { Output: "Hello world" } },
      deletepvc: OK,
    },
  },
  { pipeline: "pipeline_with_volume_long_name", tasks: { createpvc: OK, "dummy-task": prints("hello") } },
  {
    pipeline: "pipeline_with_workspace",
    tasks: {
      "write-to-workspace": {
        prints: "Wrote file to: /kfp-workspace/data/test_file.txt",
        parameters: { Output: "/kfp-workspace/data/test_file.txt" },
      },
      "read-from-workspace": { prints: "Content: Hello from workspace!", parameters: { Output: "Hello from workspace!" } },
    },
    outputs: { parameters: { Output: "Hello from workspace!" } },
  },
  {
    pipeline: "pvc_mount",
    parameters: { pvc_name: "mounted" },
    claims: ["mounted"],
    tasks: { producer: returns("hello"), consumer: prints("hello") },
  },
  {
    pipeline: "pythonic_artifact_with_single_return",
    stored: { [SHAKESPEARE]: "To be" },
    tasks: {
      importer: { artifacts: { artifact: { uri: SHAKESPEARE, metadata: { key: "value" } } } },
      "make-language-model": { artifacts: { Output: { type: "Model", metadata: { data: "shakespeare1.txt" } } } },
    },
    outputs: { artifacts: { Output: { type: "Model", metadata: { data: "shakespeare1.txt" } } } },
  },
  {
    pipeline: "take_nap_pipeline_root_compiled",
    parameters: { naptime_secs: 0 },
    tasks: {
      "take-nap": { prints: "Sleeping for 0 seconds: Zzzzzz ...", parameters: { Output: "I'm awake now. Did I snore?" } },
      "wake-up": prints("I'm awake now. Did I snore?"),
    },
  },
];
