/**
 * One writer per home. The lock file names its holder; a holder that no longer runs does not count.
 *
 * @module
 */
import { constants } from "node:fs";
import { link, open, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { errorMessage, HostError } from "../../core/errors.ts";
import { readProcess } from "../../node/processes/process-table.ts";
import type { Home } from "./home.ts";

/** Who uses a home. */
export interface LockHolder {
  readonly pid: number;
  /** When that process began, as the machine tells it: a later process may get the same pid. Empty where it does not. */
  readonly processStart: string;
  readonly host: string;
  /** UTC. */
  readonly since: string;
  /** What it does, such as `run examples/quickstart/pipeline.yaml`. */
  readonly what: string;
  /** Absent: it serves nobody. */
  readonly server?: HomeServer;
}

/** How a program on this machine hands its run to the process that serves a home. */
export interface HomeServer {
  /** Of the API over gRPC, as it is dialled from this machine. */
  readonly host: string;
  readonly port: number;
  /** Version of the program. */
  readonly version: string;
  /** Counts incompatible changes of how runs are handed over. */
  readonly handOver: number;
}

/** A home that is ours until it is released. */
export interface HomeLock {
  /** Names the server in the lock file, for programs that want to hand over their run. */
  announce(server: HomeServer): Promise<void>;
  release(): Promise<void>;
}

/**
 * Takes the lock, or says who has it.
 *
 * @throws {HostError} HOME_LOCKED naming the holder; HOME_UNUSABLE when the lock file cannot be written.
 */
export async function lockHome(home: Home, what: string, now: Date): Promise<HomeLock> {
  const holder: LockHolder = {
    pid: process.pid,
    processStart: readProcess(process.pid)?.start ?? "",
    host: hostname(),
    since: now.toISOString(),
    what,
  };
  const own = `${home.lock}.${process.pid}.${now.getTime()}`;
  try {
    await writeFile(own, `${JSON.stringify(holder)}\n`);
    // Two tries: the second one after a dead holder's file was removed.
    for (let attempt = 0; attempt < 2; attempt += 1) {
      if (await linked(own, home.lock)) {
        return { announce: (server) => announce(home, { ...holder, server }), release: () => releaseLock(home, holder) };
      }
      const other = await readHolder(home.lock);
      if (other !== undefined && isAlive(other)) throw lockedError(home, other);
      await removeStale(home, `${own}.stale`);
    }
    throw new HostError("HOME_LOCKED", `Cannot use ${home.folder}: another process took its lock at the same moment; try again`);
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new HostError("HOME_UNUSABLE", `Cannot lock ${home.folder}: ${errorMessage(error)}`, { cause: error });
  } finally {
    await rm(own, { force: true });
  }
}

/** In one step, so that the lock is never away: nobody takes one that a living process holds. */
async function announce(home: Home, holder: LockHolder): Promise<void> {
  const own = `${home.lock}.${holder.pid}.server`;
  try {
    await writeFile(own, `${JSON.stringify(holder)}\n`);
    await rename(own, home.lock);
  } catch (error) {
    throw new HostError("HOME_UNUSABLE", `Cannot write ${home.lock}: ${errorMessage(error)}`, { cause: error });
  } finally {
    await rm(own, { force: true });
  }
}

/** Whoever was told to delete the file and took the lock keeps theirs. */
async function releaseLock(home: Home, own: LockHolder): Promise<void> {
  const holder = await readHolder(home.lock);
  const isOwn = holder?.pid === own.pid && holder.processStart === own.processStart && holder.host === own.host;
  if (isOwn && holder.since === own.since) await rm(home.lock, { force: true });
}

/** Moves a dead holder's file away; if a living one took its place since we looked, that one gets its place back. */
async function removeStale(home: Home, aside: string): Promise<void> {
  try {
    await rename(home.lock, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const moved = await readHolder(aside);
  if (moved !== undefined && isAlive(moved)) {
    await linked(aside, home.lock);
    await rm(aside, { force: true });
    throw lockedError(home, moved);
  }
  await rm(aside, { force: true });
}

/** Who holds the lock right now, if anybody. */
export async function lockHolder(home: Home): Promise<LockHolder | undefined> {
  const holder = await readHolder(home.lock);
  return holder !== undefined && isAlive(holder) ? holder : undefined;
}

/** Whether the lock is still that of the same process. */
export async function isHeldBy(home: Home, { pid, processStart: start, host }: LockHolder): Promise<boolean> {
  const holder = await lockHolder(home);
  return holder?.pid === pid && holder.processStart === start && holder.host === host;
}

/** What a person can do: a holder on another machine may be gone for good, and nobody here can see that. */
function lockedError(home: Home, { pid, host, since, what }: LockHolder): HostError {
  const remedy =
    host === hostname()
      ? "wait for it, or choose another folder with --home"
      : "wait for it, or choose another folder with --home; " +
        `if that process is gone (a container that was removed, another computer), delete the file ${home.lock}`;
  const holder = `process ${pid} on ${host} has been using it since ${since} (${what})`;
  return new HostError("HOME_LOCKED", `Cannot use ${home.folder}: ${holder}; ${remedy}`);
}

/** A hard link is the atomic form of "create unless it exists" that also carries the content. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Longer than any lock file of ours: a pipeline's path is part of it. */
const LONGEST_LOCK_BYTES = 64 * 1024;

/** @returns Undefined for no file, and for a file that does not name a holder: empty, cut off, or somebody else's. */
async function readHolder(path: string): Promise<LockHolder | undefined> {
  try {
    // Without waiting for whoever would write into a pipe of that name.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { size } = await file.stat();
      if (size > LONGEST_LOCK_BYTES) return undefined;
      return holderOf(JSON.parse((await file.read(Buffer.alloc(size), 0, size, 0)).buffer.toString("utf8")));
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

function holderOf(value: unknown): LockHolder | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { pid, processStart: start, host, since, what, server } = value as Partial<Record<keyof LockHolder, unknown>>;
  // Zero and negative numbers mean groups of processes to the kernel.
  if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
  if (typeof start !== "string" || typeof host !== "string") return undefined;
  const readable = serverOf(server);
  return {
    ...{ pid, processStart: start, host, since: textOr(since, "an unknown time"), what: textOr(what, "unknown work") },
    ...(readable === undefined ? {} : { server: readable }),
  };
}

function serverOf(value: unknown): HomeServer | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { host, port, version, handOver } = value as Partial<Record<keyof HomeServer, unknown>>;
  if (typeof host !== "string" || typeof port !== "number" || typeof handOver !== "number") return undefined;
  return { host, port, version: textOr(version, "unknown"), handOver };
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === "string" && value !== "" ? value : fallback;
}

function isAlive({ pid, processStart: start, host }: LockHolder): boolean {
  // A holder on another machine (a shared folder) cannot be looked at: believe the file.
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  const facts = readProcess(pid);
  // Where the machine does not tell, or told the holder in other words, the signal is all there is: a lock that lives is never taken.
  if (facts === undefined) return true;
  return !facts.hasEnded && (!isComparable(start, facts.start) || start === facts.start);
}

/** Starts are numbers in /proc and words in ps; a holder may have looked where this process cannot. */
function isComparable(left: string, right: string): boolean {
  return left !== "" && right !== "" && /^\d+$/.test(left) === /^\d+$/.test(right);
}
