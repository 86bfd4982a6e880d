/**
 * From how the user's command ended to the error its task fails with.
 *
 * The core of each text is what the reference writes, since exit-handler tasks receive it.
 *
 * Source: docs/spec/launcher-flow.md#failure-table, docs/spec/launcher-command-line.md#decision-exit-code,
 * docs/spec/inputs-and-user-command.md#decision-out-of-memory.
 *
 * @module
 */
import { UserCodeError } from "../../core/errors.ts";
import type { CommandOutcome } from "../../ports/process-runner.ts";
import { signalNumber, signalWords } from "../../tasks/signal-names.ts";

const OUT_OF_MEMORY = " (out of memory: the kernel killed a process of this container)";

/** `undefined` when the command succeeded, which is exit code 0 and nothing else. `details.exitCode` is what the launcher ends with. */
export function commandFailure(outcome: CommandOutcome): UserCodeError | undefined {
  switch (outcome.kind) {
    case "exited": {
      const { exitCode, outOfMemory } = outcome;
      if (exitCode === 0) return undefined;
      return new UserCodeError("USER_CODE_EXITED", `exit status ${exitCode}${outOfMemory ? OUT_OF_MEMORY : ""}`, {
        details: { exitCode },
      });
    }
    case "killed": {
      const { signal, outOfMemory } = outcome;
      return new UserCodeError("USER_CODE_KILLED", `signal: ${signalWords(signal)}${outOfMemory ? OUT_OF_MEMORY : ""}`, {
        details: { signal, exitCode: 128 + (signalNumber(signal) ?? 0) },
      });
    }
    case "not-started":
      return new UserCodeError("USER_CODE_NOT_STARTED", outcome.reason, { details: { exitCode: 1 } });
  }
}
