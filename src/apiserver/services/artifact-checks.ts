/**
 * Shape checks of artifact and link requests, in the documented order. Pure.
 *
 * Source: docs/spec/api-server.md#createartifact, #createartifacttask, #api-21 (no namespace is needed where there is one user).
 *
 * @module
 */
import { ArtifactType, IoType, type Artifact, type ArtifactTask } from "../../core/kfp-types.ts";
import type { CreateArtifactRequest } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import { invalidArgument } from "../service-error.ts";

/** @returns The artifact of the request. @throws {ServiceError} invalidArgument. */
export function checkCreateArtifact(request: CreateArtifactRequest): Artifact {
  const { artifact } = request;
  if (artifact === undefined) throw invalidArgument("Artifact is required");
  if (artifact.artifactId !== "") throw invalidArgument("The artifact id is made by the server: leave it empty");
  if (artifact.type === ArtifactType.TYPE_UNSPECIFIED || ArtifactType[artifact.type] === undefined) {
    throw invalidArgument(`Artifact type is required (got ${artifact.type})`);
  }
  if (artifact.name === "") throw invalidArgument("Artifact name is required");
  if (request.runId === "") throw invalidArgument("Run ID is required");
  if (request.taskId === "") throw invalidArgument("Task ID is required");
  if (request.producerKey === "") throw invalidArgument("Producer key is required");
  if (artifact.type === ArtifactType.Metric && artifact.numberValue === undefined) {
    throw invalidArgument(`Metric "${artifact.name}" needs a number_value`);
  }
  const needsMetadata =
    artifact.type === ArtifactType.ClassificationMetric || artifact.type === ArtifactType.SlicedClassificationMetric;
  if (needsMetadata && Object.keys(artifact.metadata).length === 0) {
    throw invalidArgument(`${ArtifactType[artifact.type]} "${artifact.name}" needs metadata`);
  }
  checkIteration(request.iterationIndex);
  return artifact;
}

/** @returns The link, complete. @throws {ServiceError} invalidArgument. */
export function checkLink(link: ArtifactTask | undefined): ArtifactTask {
  if (link === undefined) throw invalidArgument("Artifact task is required");
  if (link.artifactId === "") throw invalidArgument("Artifact ID is required");
  if (link.runId === "") throw invalidArgument("Run ID is required");
  if (link.taskId === "") throw invalidArgument("Task ID is required");
  if (link.type === IoType.UNSPECIFIED || IoType[link.type] === undefined) {
    throw invalidArgument(`Type of the artifact task is required (got ${link.type})`);
  }
  if (link.producer === undefined) throw invalidArgument("Producer is required");
  if (link.key === "") throw invalidArgument("Key is required");
  checkIteration(link.producer.iteration);
  return link;
}

function checkIteration(iteration: bigint | undefined): void {
  if (iteration !== undefined && !Number.isSafeInteger(Number(iteration))) {
    throw invalidArgument(`Iteration ${String(iteration)} is out of range`);
  }
}
