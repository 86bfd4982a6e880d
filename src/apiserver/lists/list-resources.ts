/**
 * What each kind of list can be sorted and filtered by.
 *
 * `keys` maps the words of the wire to one canonical word per column, so that `id` and `run_id` are the same key in a page token.
 * `messageKeys` are columns that the reference declares but that hold whole messages: they are refused with a clear text.
 *
 * Source: docs/spec/api-server.md#sort, #api-16.
 *
 * @module
 */
export type ListResourceName =
  "runs" | "tasks" | "artifacts" | "links" | "experiments" | "pipelines" | "pipeline versions" | "recurring runs";

/** What may be named in filters and sort orders of a resource: columns by key, and keys that exist in the message but have no column. */
export interface ListResource {
  readonly defaultSortKey: string;
  readonly keys: Readonly<Record<string, string>>;
  readonly messageKeys: readonly string[];
  /** Filters may name `tags.KEY`. */
  readonly hasTags?: boolean;
}

/** The resources with list calls, by name. */
export const LIST_RESOURCES: Readonly<Record<ListResourceName, ListResource>> = {
  runs: {
    defaultSortKey: "created_at",
    keys: {
      run_id: "run_id",
      id: "run_id",
      display_name: "display_name",
      name: "display_name",
      created_at: "created_at",
      finished_at: "finished_at",
      scheduled_at: "scheduled_at",
      description: "description",
      storage_state: "storage_state",
      status: "state",
      state: "state",
      namespace: "namespace",
      experiment_id: "experiment_id",
      recurring_run_id: "recurring_run_id",
    },
    messageKeys: ["state_history", "runtime_details"],
  },
  tasks: {
    defaultSortKey: "create_time",
    keys: {
      task_id: "task_id",
      name: "name",
      display_name: "display_name",
      run_id: "run_id",
      cache_fingerprint: "cache_fingerprint",
      create_time: "create_time",
      start_time: "start_time",
      end_time: "end_time",
      status: "status",
      type: "type",
      parent_task_id: "parent_task_id",
      scope_path: "scope_path",
    },
    messageKeys: ["pods", "status_metadata", "state_history", "type_attributes", "inputs", "outputs"],
  },
  artifacts: {
    defaultSortKey: "created_at",
    keys: {
      artifact_id: "artifact_id",
      id: "artifact_id",
      namespace: "namespace",
      type: "type",
      uri: "uri",
      name: "name",
      description: "description",
      created_at: "created_at",
      last_update: "created_at",
      number_value: "number_value",
    },
    messageKeys: ["metadata"],
  },
  links: {
    defaultSortKey: "id",
    keys: {
      id: "id",
      artifact_id: "artifact_id",
      task_id: "task_id",
      type: "type",
      run_id: "run_id",
      producer: "producer",
      key: "key",
    },
    messageKeys: [],
  },
  experiments: {
    defaultSortKey: "created_at",
    keys: {
      experiment_id: "experiment_id",
      id: "experiment_id",
      display_name: "display_name",
      name: "display_name",
      created_at: "created_at",
      last_run_created_at: "last_run_created_at",
      description: "description",
      namespace: "namespace",
      storage_state: "storage_state",
    },
    messageKeys: [],
  },
  pipelines: {
    defaultSortKey: "created_at",
    keys: {
      pipeline_id: "pipeline_id",
      id: "pipeline_id",
      name: "name",
      display_name: "display_name",
      created_at: "created_at",
      description: "description",
      namespace: "namespace",
    },
    messageKeys: [],
    hasTags: true,
  },
  "pipeline versions": {
    defaultSortKey: "created_at",
    keys: {
      pipeline_version_id: "pipeline_version_id",
      id: "pipeline_version_id",
      name: "name",
      display_name: "display_name",
      created_at: "created_at",
      status: "status",
      description: "description",
    },
    messageKeys: ["pipeline_spec"],
    hasTags: true,
  },
  "recurring runs": {
    defaultSortKey: "created_at",
    keys: {
      recurring_run_id: "recurring_run_id",
      id: "recurring_run_id",
      display_name: "display_name",
      name: "display_name",
      created_at: "created_at",
      updated_at: "updated_at",
      description: "description",
    },
    messageKeys: [],
  },
};
