/**
 * Command line of `kfp-runtime` to what was asked for: puts the commands together. The only module that loads yargs.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import { commandModule } from "./command-entry.ts";
import { COMMAND_TABLE, type AskedCommand } from "./commands/command-table.ts";
import { assertKnownCommand, assertKnownOptions, withoutSeparator, withStandardInput } from "./unknown-words.ts";

/** What a command line asks for. */
export type Command = AskedCommand | { readonly kind: "help"; readonly text: string } | { readonly kind: "version" };

/**
 * @param argv Without program name.
 * @param columns Width of the help text.
 * @throws {UsageError} USAGE_INVALID naming what cannot be understood, with a suggestion where one is close.
 */
export async function parseCommandLine(argv: readonly string[], columns: number): Promise<Command> {
  const { default: yargs } = await import("yargs");
  let command: Command | undefined;
  const take = (asked: Command): void => {
    command = asked;
  };
  const parser = yargs()
    .scriptName("kfp-runtime")
    .usage("$0 COMMAND [options]\n\nRuns compiled Kubeflow pipelines on this machine, with the real driver and launcher.")
    .parserConfiguration({
      "boolean-negation": false,
      "camel-case-expansion": false,
      "dot-notation": false,
      "parse-numbers": false,
      "parse-positional-numbers": false,
    })
    .demandCommand(1, "Which command? Try kfp-runtime --help")
    .help()
    .alias("help", "h")
    .version(false)
    .option("version", { type: "boolean", describe: "Show the version" })
    .exitProcess(false)
    .wrap(Math.max(60, Math.min(columns, 120)))
    .fail((message, error) => {
      throw error instanceof UsageError ? error : new UsageError("USAGE_INVALID", oneLine(message ?? String(error)));
    });
  for (const entry of COMMAND_TABLE) parser.command(commandModule(entry, take));
  if (argv.length === 0) return { kind: "help", text: `${await parser.getHelp()}\n` };
  const words = withoutSeparator(argv);
  assertKnownOptions(words);
  if (words.includes("--version")) return { kind: "version" };
  assertKnownCommand(words);
  let help = "";
  await parser.parseAsync(withStandardInput(words), {}, (error: unknown, _values: unknown, output: string) => {
    if (error !== undefined && error !== null) throw error;
    help = output;
  });
  if (help !== "") return { kind: "help", text: `${help}\n` };
  if (command === undefined) throw new UsageError("USAGE_INVALID", "Which command? Try kfp-runtime --help");
  return command;
}

/** In our words where yargs' own take several lines. */
function oneLine(text: string): string {
  const line = text.trim().replaceAll(/\s*\n\s*/g, " ");
  const choice = /^Invalid values: Argument: (.*), Given: (.*), Choices: (.*)$/.exec(line);
  return choice === null ? line : `Option --${choice[1]} cannot be ${choice[2]}: it is one of ${choice[3]}`;
}
