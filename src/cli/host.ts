/** What a command needs of the process it runs in. @module */

/** Takes text. What it does with it never fails a command. */
export interface TextStream {
  write(text: string): unknown;
}

/** A terminal, or a file or pipe that gets plain lines. */
export interface TerminalStream extends TextStream {
  readonly isTerminal: boolean;
  /** Asked before each redraw. */
  columns(): number;
  rows(): number;
}

/** The process as a command sees it. */
export interface CliHost {
  readonly environment: Readonly<Record<string, string>>;
  readonly workingFolder: string;
  /** Folder with the programs `driver` and `launcher-v2`. */
  readonly programFolder: string;
  readonly processors: number;
  /** Standard input, for the one command that reads it. */
  readonly stdin: AsyncIterable<Uint8Array>;
  /** What this process may use: of the machine, or of the container around it. */
  readonly memoryBytes: number;
  readonly stdout: TerminalStream;
  readonly stderr: TerminalStream;
  /** Watches for Ctrl-C from the call on, and where asked for the end of standard input. */
  readonly stopSignal: (options?: { readonly withStdin: boolean }) => AbortSignal;
  /** Ends everything this process has started, at once. */
  readonly killChildren: () => void;
}

/** All that was asked for is done. */
export const EXIT_SUCCEEDED = 0;
/** The run failed, or the home cannot be used. */
export const EXIT_FAILED = 1;
/** The command line, the pipeline or its parameters are wrong; nothing has run. */
export const EXIT_USAGE = 2;
/** Stopped by Ctrl-C, as shells report it. */
export const EXIT_CANCELLED = 130;
