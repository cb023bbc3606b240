import type { ResourceType, Work } from "../engine/resource-type.js";
import type { ObjectShape } from "../engine/shape.js";
import type { Properties } from "../engine/values.js";

/** What a command left. */
export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in some place, and rejects when it fails. */
export type Runner = (command: string, inputs: Properties, before: Properties, work: Work) => Promise<Output>;

/**
 * The life of a command, local or remote, as pulumi-command 1.2 has it (`commandController.go`): create runs `create`, update runs `update` or else `create`,
 * delete runs `delete`; a command that is not given is not run. Only `triggers` makes another one.
 */
export function commandType(inputs: ObjectShape, run: Runner, more: Partial<ResourceType> = {}): ResourceType {
  const nothing: Output = { stdout: "", stderr: "" };
  const runIfGiven = async (command: unknown, ...rest: [Properties, Properties, Work]): Promise<Output | undefined> =>
    typeof command === "string" ? run(command, ...rest) : undefined;
  return {
    inputs,
    computed: ["stdout", "stderr"],
    replaces: ["triggers"],
    create: async (given, work) => ({ ...((await runIfGiven(given["create"], given, {}, work)) ?? nothing) }),
    update: async (given, before, work) => ({
      ...((await runIfGiven(given["update"] ?? given["create"], given, before, work)) ?? outputOf(before)),
    }),
    delete: async (state, work) => {
      await runIfGiven(state["delete"], state, state, work);
    },
    ...more,
  };
}

/** What the command before left, for the environment of the next. */
export function previousOutput(inputs: Properties, before: Properties): Record<string, string> {
  if (inputs["addPreviousOutputInEnv"] === false) return {};
  const { stdout, stderr } = outputOf(before);
  return {
    ...(stdout === "" ? {} : { PULUMI_COMMAND_STDOUT: stdout }),
    ...(stderr === "" ? {} : { PULUMI_COMMAND_STDERR: stderr }),
  };
}

/** Gathers what a command says as it says it, and shows what is to be shown. */
export function gather(inputs: Properties, work: Work) {
  const texts = { stdout: "", stderr: "" };
  let both = "";
  const shown = { stdout: ["stdout"], stderr: ["stderr"], none: [] as string[] }[String(inputs["logging"])] ?? [
    "stdout",
    "stderr",
  ];
  return {
    add: (stream: "stdout" | "stderr", text: string): void => {
      texts[stream] += text;
      both += text;
      if (shown.includes(stream)) for (const line of text.split("\n").filter((one) => one !== "")) work.status(line);
    },
    /** @param why what went wrong, when something did */
    result: (command: string, why?: string): Output => {
      if (why !== undefined) throw new Error(`${why}: running ${JSON.stringify(command)}:\n${both}`);
      return { stdout: texts.stdout.replace(/\n$/, ""), stderr: texts.stderr.replace(/\n$/, "") };
    },
  };
}

/** The extra environment that was asked for. */
export const environmentOf = (inputs: Properties): Record<string, string> =>
  Object.fromEntries(
    Object.entries((inputs["environment"] ?? {}) as Properties).map(([key, value]) => [key, String(value)]),
  );

const outputOf = (state: Properties): Output => ({
  stdout: typeof state["stdout"] === "string" ? state["stdout"] : "",
  stderr: typeof state["stderr"] === "string" ? state["stderr"] : "",
});
