import { setImmediate } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";

/** Builds a stack from its config. @returns the stack's outputs */
export type StackProgram = (config: pulumi.Config) => Record<string, unknown>;

/** Each kind of stack and how its program is loaded: only the chosen one ever is. */
const programs = {
  devnet: async () => (await import("./devnet.js")).devnet,
  host: async () => (await import("./host.js")).host,
  instance: async () => (await import("./instance.js")).instance,
  aws: async () => (await import("./aws.js")).aws,
  docker: async () => (await import("./docker.js")).docker,
} satisfies Record<string, () => Promise<StackProgram>>;

// LF1553: the config names a kind of stack that there is none of.
/** Runs the program that `kind` in the config names. @throws pulumi.RunError LF1553 for a kind that there is none of */
export async function chooseStack(config: pulumi.Config): Promise<Record<string, unknown>> {
  const kind = config.get("kind") ?? pulumi.getStack();
  const load = Object.hasOwn(programs, kind) ? programs[kind as keyof typeof programs] : undefined;
  if (load === undefined) {
    const known = Object.keys(programs).join(", ");
    throw new pulumi.RunError(
      `LF1553: There is no kind of stack called "${kind}". Next: pulumi config set kind <one of: ${known}>`,
    );
  }
  await startProviders();
  const program = await load();
  return withShortTraces(() => program(config));
}

/**
 * The engine starts the process of our providers when the first of their resources comes, and that process loads half a second. So it is asked something at once, and loads while the
 * program does. It does not know what it is asked, and nothing comes of that.
 */
async function startProviders(): Promise<void> {
  pulumi.runtime.invoke("pulumi-nodejs:dynamic:nothing", {}).catch(() => undefined);
  await setImmediate(); // one turn of the event loop, in which the request goes out: loading the program takes none
}

/**
 * Pulumi takes four stack traces for each property of each resource, in case its promise is never settled, and looks every frame up in source maps. With the usual ten frames that is
 * a third of all that a program of fifty workers computes. The first ones are what says where a bug is.
 */
const frames = 3;

/** Runs what makes all resources, after which traces are as long as before. */
function withShortTraces<T>(make: () => T): T {
  const usual = Error.stackTraceLimit;
  Error.stackTraceLimit = Math.min(usual, frames);
  try {
    return make();
  } finally {
    Error.stackTraceLimit = usual;
  }
}
