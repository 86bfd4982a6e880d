/** Durations, colours and widths of text for people. @module */

/** `0.3 s`, `12.4 s`, `3 min 20 s`. */
export function durationText(ms: number): string {
  if (ms < 100) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

export type Colour = "red" | "green" | "yellow" | "blue" | "dim" | "bold";

const CODES: Record<Colour, number> = { red: 31, green: 32, yellow: 33, blue: 34, dim: 2, bold: 1 };

export type Painter = (colour: Colour, text: string) => string;

/** Colours on a terminal only, and never with NO_COLOR (https://no-color.org) or TERM=dumb. */
export function painter(isTerminal: boolean, environment: Readonly<Record<string, string>>): Painter {
  const { NO_COLOR: noColour = "", TERM: term = "" } = environment;
  const isPlain = !isTerminal || noColour !== "" || term === "dumb";
  return isPlain ? (_colour, text) => text : (colour, text) => `\u{1b}[${CODES[colour]}m${text}\u{1b}[0m`;
}

const STATE_COLOURS: Readonly<Record<string, Colour>> = {
  SUCCEEDED: "green",
  CACHED: "blue",
  SKIPPED: "dim",
  FAILED: "red",
  RUNNING: "yellow",
};

export function paintState(paint: Painter, state: string): string {
  const colour = STATE_COLOURS[state];
  return colour === undefined ? state : paint(colour, state);
}

/** Cuts plain text to a number of columns, with an ellipsis. Control characters would move the cursor and are dropped. */
export function fitted(text: string, columns: number): string {
  const plain = text.replaceAll(/\p{Cc}/gu, " ");
  return plain.length <= columns ? plain : `${plain.slice(0, Math.max(0, columns - 1))}…`;
}
