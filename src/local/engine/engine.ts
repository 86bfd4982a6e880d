/**
 * Walks the DAG of a run in the order Argo would, and lets driver and launcher decide everything else.
 *
 * The engine knows three things: what may start (dag-order.ts), how many at once, and what a driver's answer means for Argo: a false
 * condition skips the body, an iteration count repeats it, a cached decision leaves the launcher out. A failed step does not stop
 * the tasks that do not depend on it.
 *
 * Source: docs/spec/argo-workflows.md#how-argo-invokes-the-driver ("How outputs are consumed"), #importer-pod.
 *
 * @module
 */
import { importerArguments } from "../../launcher/importer-arguments.ts";
import { SpecError } from "../../core/errors.ts";
import type { ComponentSpec, ImporterSpec, PipelineTaskSpec } from "../../core/kfp-types.ts";
import { componentOf, executorOf } from "../../core/spec/pipeline-spec.ts";
import type { ChildOptions, CommonOptions } from "../../driver/options.ts";
import type { DriverResult } from "../../driver/result.ts";
import { dagOutcome, dependenciesOf, isExitBody, isExitTask, mayStart, type TaskOutcome } from "./dag-order.ts";
import { runDriverAttempts } from "./driver-attempts.ts";
import type { EngineDeps, EngineOptions } from "./engine-deps.ts";
import { RunPlaces } from "./run-places.ts";
import { Slots } from "./slots.ts";
import { runAttempts } from "./step-attempts.ts";
import { stepNeed, type Excess } from "./step-need.ts";
import type { TaskExecutor, TaskPlace } from "./task-executor.ts";
import { notBegun, watchTask, type Begin, type Ending } from "./watch-task.ts";

/** Where a DAG body runs: below which task, in which iterations. */
interface Scope {
  readonly path: string;
  readonly parentTaskId: string;
  readonly iterations: readonly number[];
  /** Whether a task directly below was preserved; one of them stands for all. Shared by the iterations of a loop. */
  readonly kept: { place?: TaskPlace };
  /** Stops what is in it. */
  readonly signal: AbortSignal;
  /** Called when a task directly below gets its turn. */
  readonly onBegun?: () => void;
}

/** A task in its place. */
interface Turn {
  readonly place: TaskPlace;
  readonly scope: Scope;
  readonly begin: Begin;
}

/** Runs the whole pipeline. Never throws for what a task does. */
export async function runPipeline(deps: EngineDeps, options: EngineOptions): Promise<"succeeded" | "failed"> {
  const ending = await new Engine(deps, options).runRoot();
  return ending === "failed" || deps.signal.aborted ? "failed" : "succeeded";
}

class Engine {
  readonly #deps: EngineDeps;
  readonly #options: EngineOptions;
  readonly #places: RunPlaces;
  /** Scope paths of steps that are larger than this machine, as far as that has been said. */
  readonly #saidAlone = new Set<string>();

  constructor(deps: EngineDeps, options: EngineOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#places = new RunPlaces(options.parallelism, options.capacity ?? {}, deps.shared);
  }

  async runRoot(): Promise<TaskOutcome> {
    const place: TaskPlace = { scopePath: "root", iterations: [] };
    const preserved = this.#deps.preserved?.find(place);
    if (preserved !== undefined) return preserved.outcome;
    const { signal } = this.#deps;
    const ending = await watchTask(this.#deps, { place, taskKind: "dag", signal }, async (begin) => {
      const { runtimeConfig } = this.#options;
      const { taskId } = await this.#drive(begin, place, signal, {
        type: "ROOT_DAG",
        ...this.#common(place),
        ...this.#dagPaths(),
        runtimeConfig,
      });
      const root = this.#options.pipeline.spec.root as ComponentSpec;
      const scope: Scope = { path: place.scopePath, parentTaskId: taskId, iterations: [], kept: {}, signal };
      return await this.#bodyEnding(await this.#runBody(root, scope), scope);
    });
    return ending.outcome;
  }

  /** All tasks of a DAG, each as soon as it may. */
  async #runBody(component: ComponentSpec, scope: Scope): Promise<"succeeded" | "failed"> {
    if (component.implementation.case !== "dag") {
      throw new SpecError("COMPONENT_KIND_INVALID", `Cannot run "${scope.path}": its component is not a DAG`);
    }
    const dag = component.implementation.value;
    const outcomes = new Map<string, Promise<TaskOutcome>>();
    /** Tasks that are executed now, not by an earlier execution of the run. */
    const executed = new Set<string>();
    const outcomeOf = (key: string): Promise<TaskOutcome> => {
      const known = outcomes.get(key);
      if (known !== undefined) return known;
      const task = dag.tasks[key] as PipelineTaskSpec;
      const signal = isExitTask(dag, key) ? (this.#deps.exitTasks?.signal ?? scope.signal) : scope.signal;
      const dependencies = dependenciesOf(dag, key);
      const outcome = Promise.all(dependencies.map(outcomeOf)).then((upstream) => {
        if (!mayStart(task, upstream) || signal.aborted) return "omitted";
        const place: TaskPlace = { scopePath: `${scope.path}.${key}`, iterations: scope.iterations };
        // It cleans up after what is done again, and is told how that ended.
        if (isExitTask(dag, key) && dependencies.some((name) => executed.has(name))) this.#deps.preserved?.redo(place);
        const preserved = this.#deps.preserved?.find(place);
        if (preserved !== undefined) {
          scope.kept.place = place;
          return preserved.outcome;
        }
        executed.add(key);
        return this.#runTask(key, task, place, { ...scope, signal });
      });
      outcomes.set(key, outcome);
      return outcome;
    };
    return dagOutcome(await Promise.all(Object.keys(dag.tasks).toSorted().map(outcomeOf)));
  }

  async #runTask(key: string, task: PipelineTaskSpec, place: TaskPlace, scope: Scope): Promise<TaskOutcome> {
    const { pipeline } = this.#options;
    const { signal, onBegun } = scope;
    const announced = (begin: Begin) => (): void => {
      onBegun?.();
      begin();
    };
    let ending: Ending;
    try {
      const component = componentOf(pipeline.spec, task);
      if (component.implementation.case === "dag") {
        const isLoop = task.iterator.case !== undefined;
        ending = await watchTask(this.#deps, { place, taskKind: isLoop ? "loop" : "dag", signal }, (begin) =>
          this.#runDag(key, task, component, { place, scope, begin: announced(begin) }),
        );
      } else {
        const executor = executorOf(pipeline, component, task.componentRef?.name ?? "").spec;
        const taskKind = executor.case === "importer" ? "importer" : "step";
        ending = await watchTask(this.#deps, { place, taskKind, signal }, (begin) => {
          const turn = { place, scope, begin: announced(begin) };
          return executor.case === "importer"
            ? this.#runImporter(key, executor.value, turn)
            : this.#runStep(key, task, component, turn);
        });
      }
    } catch (error) {
      // Only the look-ups above throw; the pipeline was checked before the run, so this is a spec nobody foresaw.
      ending = await watchTask(this.#deps, { place, taskKind: "step", signal }, () => Promise.reject(error));
    }
    return ending.outcome;
  }

  async #runDag(key: string, task: PipelineTaskSpec, component: ComponentSpec, { place, scope, begin }: Turn): Promise<Ending> {
    const { signal } = scope;
    const driven = await this.#drive(begin, place, signal, {
      type: "DAG",
      ...this.#common(place),
      ...this.#child(key, scope),
      ...this.#dagPaths(),
    });
    if (driven.condition === false) return { outcome: "skipped" };
    const isLoop = task.iterator.case !== undefined;
    const count = driven.iterationCount ?? 0;
    const told = isLoop ? ({ taskKind: "loop", iterationCount: count } as const) : ({ taskKind: "dag" } as const);
    this.#deps.onEvent({ kind: "running", place, ...told });
    const { iterations } = scope;
    const body: Scope = { path: place.scopePath, parentTaskId: driven.taskId, iterations, kept: {}, signal };
    if (!isLoop) {
      const outcome = await this.#runBody(component, body);
      const { exitTasks } = this.#deps;
      if (isExitBody(key) && signal.aborted && exitTasks?.signal.aborted === false) exitTasks.onBodyCut(driven.taskId);
      return await this.#bodyEnding(outcome, body);
    }
    const limit = task.iteratorPolicy?.parallelismLimit ?? 0;
    const slots = new Slots(limit > 0 ? limit : Math.max(count, 1));
    const bodies = Array.from({ length: count }, (_, index) =>
      slots.run(() =>
        this.#places.enter((onBegun) => this.#runBody(component, { ...body, iterations: [...iterations, index], onBegun })),
      ),
    );
    return await this.#bodyEnding(dagOutcome(await Promise.all(bodies)), body);
  }

  /** A body that was cut short has not succeeded, even where everything that ran did. */
  async #bodyEnding(outcome: "succeeded" | "failed", { kept, signal }: Scope): Promise<Ending> {
    if (kept.place !== undefined && !signal.aborted) await this.#deps.preserved?.settle(kept.place);
    return { outcome: signal.aborted ? "failed" : outcome };
  }

  async #runStep(key: string, task: PipelineTaskSpec, component: ComponentSpec, { place, scope, begin }: Turn): Promise<Ending> {
    const label = component.implementation.case === "executorLabel" ? component.implementation.value : "";
    const folder = this.#deps.driverFolder();
    const { signal } = scope;
    const { condition, cached, podSpecPatch } = await this.#drive(begin, place, signal, {
      type: "CONTAINER",
      ...this.#common(place, folder),
      ...this.#child(key, scope),
      kubernetesConfig: this.#options.kubernetesConfigs.get(label) ?? "",
      cachedDecisionPath: `${folder}/cached-decision`,
      podSpecPatchPath: `${folder}/pod-spec-patch`,
      cacheDisabled: this.#options.cacheDisabled,
      publishLogs: String(this.#options.publishLogs),
      logLevel: this.#options.logLevel,
      apiServer: this.#options.apiServer,
      proxy: { httpProxy: "", httpsProxy: "", noProxy: "" },
      defaults: {},
    });
    if (condition === false) return { outcome: "skipped" };
    if (cached === true || podSpecPatch === undefined) return { outcome: "succeeded", cached: cached === true };
    const need = stepNeed(podSpecPatch.containers[0].resources, this.#options.capacity ?? {});
    if (need.excess !== undefined) this.#sayAlone(place, need.excess);
    const attempts = { place, patch: podSpecPatch, policy: task.retryPolicy };
    return runAttempts({ ...this.#deps, signal }, attempts, (work) => this.#places.step(work, need));
  }

  async #runImporter(key: string, importer: ImporterSpec, { place, scope, begin }: Turn): Promise<Ending> {
    const { executor, newPod, onEvent } = this.#deps;
    const { signal } = scope;
    const { apiServer, logLevel, namespace, pipelineName, runId } = this.#options;
    const pod = newPod(place);
    const iterationIndex = scope.iterations.at(-1);
    const told = { apiServer, logLevel, namespace, pipelineName, runId, pod, importer, iterationIndex };
    const argv = importerArguments({ ...told, taskName: key, parentTaskId: scope.parentTaskId });
    const { exitCode } = await this.#places.step(() => {
      if (signal.aborted) throw notBegun();
      begin();
      onEvent({ kind: "running", place, taskKind: "importer" });
      return executor.importArtifact({ place, argv, pod, usesWorkspace: importer.downloadToWorkspace, signal });
    });
    return exitCode === 0 ? { outcome: "succeeded" } : { outcome: "failed", exitCode, hasRun: true };
  }

  #sayAlone(place: TaskPlace, excess: readonly Excess[]): void {
    if (this.#saidAlone.has(place.scopePath)) return;
    this.#saidAlone.add(place.scopePath);
    this.#deps.onEvent({ kind: "alone", place, excess });
  }

  /** One driver in a place of its own; none begins once the run is to stop, however many wait for a place. */
  async #drive(
    begin: Begin,
    place: TaskPlace,
    signal: AbortSignal,
    options: Parameters<TaskExecutor["drive"]>[0]["options"],
  ): Promise<DriverResult> {
    const { executor } = this.#deps;
    return runDriverAttempts({ ...this.#deps, signal }, place, () =>
      this.#places.driver(() => {
        if (signal.aborted) throw notBegun();
        begin();
        return executor.drive({ place, options, signal });
      }),
    );
  }

  #common(place: TaskPlace, folder = this.#deps.driverFolder()): CommonOptions {
    const { pipelineName, runId, runName, runDisplayName, namespace } = this.#options;
    const { name, uid } = this.#deps.newPod(place);
    return { pipelineName, runId, runName, runDisplayName, namespace, conditionPath: `${folder}/condition`, pod: { name, uid } };
  }

  #dagPaths(folder = this.#deps.driverFolder()): { parentTaskIdPath: string; iterationCountPath: string } {
    return { parentTaskIdPath: `${folder}/task-id`, iterationCountPath: `${folder}/iteration-count` };
  }

  /** The index of the innermost enclosing loop reaches every driver below it, an inner loop's own driver included. */
  #child(taskName: string, { parentTaskId, iterations }: Scope): ChildOptions {
    const iterationIndex = iterations.at(-1);
    return { taskName, parentTaskId, ...(iterationIndex === undefined ? {} : { iterationIndex }) };
  }
}
