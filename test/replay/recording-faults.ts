/**
 * What the recordings themselves have wrong: requests to Kubernetes that were written down with a neighbour, because the fake API noted
 * them by time.
 *
 * @module
 */
import type { Deviation } from "../conformance/deviations.ts";

const READS = "^kubernetesRequests\\.GET .*/(configmaps/kfp-launcher|secrets/mlpipeline-minio-artifact)$";

/** In the form of the deviations, so that one function explains a difference by both. They are no deviations of ours. */
export const RECORDING_FAULTS: readonly Deviation[] = [
  {
    id: "recording-requests-of-a-neighbour",
    where: "reads of two launchers",
    ours: "stand with the launcher that reads",
    why: "the recording has them with the launcher before, or has lost them",
    rules: [],
    matches: [
      { program: "launcher", pipeline: "^artifacts_complex$", task: "/add-2 ", field: READS, theirs: "^undefined$" },
      {
        program: "launcher",
        pipeline: "^pipeline_with_volume_long_name$",
        task: "/dummy-task ",
        field: READS,
        theirs: "^undefined$",
      },
    ],
  },
];
