/**
 * The wire messages under the names this code base uses for them.
 *
 * Generated names spell out their nesting (`PipelineTask_InputOutputs_IOParameter`); everything else imports them from here.
 *
 * @module
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PipelineTaskSchema as TaskSchema } from "../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";

export type {
  PipelineTask,
  PipelineTask_InputOutputs as InputOutputs,
  PipelineTask_InputOutputs_IOArtifact as IoArtifact,
  PipelineTask_InputOutputs_IOParameter as IoParameter,
  PipelineTask_StatusMetadata as StatusMetadata,
  PipelineTask_TaskPod as TaskPod,
  PipelineTask_TypeAttributes as TypeAttributes,
  Run,
} from "../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
export {
  GetRunRequest_ViewMode as RunView,
  PipelineTask_InputOutputs_IOArtifactSchema as IoArtifactSchema,
  PipelineTask_InputOutputs_IOParameterSchema as IoParameterSchema,
  PipelineTask_InputOutputsSchema as InputOutputsSchema,
  PipelineTask_StatusMetadataSchema as StatusMetadataSchema,
  PipelineTask_TaskPodType as TaskPodType,
  PipelineTask_TaskState as TaskState,
  PipelineTask_TaskType as TaskType,
  PipelineTaskSchema,
  RunSchema,
  RuntimeState,
} from "../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
export type {
  Artifact,
  ArtifactTask,
  IOProducer as IoProducer,
} from "../gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
export {
  Artifact_ArtifactType as ArtifactType,
  ArtifactSchema,
  ArtifactTaskSchema,
  IOProducerSchema as IoProducerSchema,
  IOType as IoType,
} from "../gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
export type {
  ArtifactTypeSchema as ArtifactTypeSpec,
  ComponentSpec,
  DagSpec,
  ExecutorInput,
  ExecutorOutput,
  PipelineDeploymentConfig,
  PipelineDeploymentConfig_ImporterSpec as ImporterSpec,
  PipelineDeploymentConfig_PipelineContainerSpec as ContainerSpec,
  PipelineSpec,
  PipelineTaskSpec,
  PlatformSpec,
  RuntimeArtifact,
  TaskInputsSpec_InputParameterSpec as InputParameterSpec,
} from "../gen/ml_pipelines/pipeline_spec_pb.js";
export {
  ComponentSpecSchema,
  ExecutorInputSchema,
  ExecutorOutputSchema,
  ParameterType_ParameterTypeEnum as ParameterType,
  PipelineDeploymentConfig_ImporterSpecSchema as ImporterSpecSchema,
  PipelineDeploymentConfigSchema,
  PipelineSpecSchema,
  PlatformSpecSchema,
  RuntimeArtifactSchema,
  TaskInputsSpec_InputParameterSpecSchema as InputParameterSpecSchema,
} from "../gen/ml_pipelines/pipeline_spec_pb.js";

/** A task with only the fields an update wants to send: a plain object, never a message, so that it can be spread. */
export type TaskInit = Exclude<MessageInitShape<typeof TaskSchema>, { $typeName: string }>;
