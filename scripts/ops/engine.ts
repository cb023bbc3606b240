import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { z } from "zod";
import { compileCache } from "../../system/cache-folder.js";
import { runProcess, startProcess } from "../../system/process.js";
import { EngineRefused, NoEngine, NoStack, StoppedAsAsked } from "./errors.js";
import { mendHalfWritten } from "./half-written.js";
import { stateOf, type StackState } from "./pending.js";
import { holderOf, locksOf, thisMachine, type StackLock } from "./stack-lock.js";

/** The plain `pulumi` program on one stack, as a person would run it here. */
export interface Engine {
  readonly stack: string;
  /** Runs to the end and shows nothing. @throws EngineRefused LF1606 */
  ask(...args: readonly string[]): Promise<string>;
  /** Runs in the open; a request to stop is passed on once, and then waited for. @throws EngineRefused LF1606, StoppedAsAsked LF1608 */
  attend(...args: readonly string[]): Promise<void>;
  state(): Promise<StackState>;
  /** Puts right what a killed run left half-written. Only where no run works on the stack. @returns the files that were taken away */
  mend(): Promise<readonly string[]>;
  locks(): Promise<readonly (StackLock & { readonly holder: ReturnType<typeof holderOf> })[]>;
}

/**
 * Finds the program and the stack.
 * @param folder the Pulumi project's, or one below it
 * @param stack default: the one that is selected
 * @throws NoEngine LF1601, NoStack LF1607
 */
export async function openEngine(folder: string, stack: string | undefined): Promise<Engine> {
  const env = environment();
  const run = async (args: readonly string[]) => {
    try {
      return await runProcess("pulumi", args, { cwd: folder, env });
    } catch (error) {
      throw new NoEngine((error as Error).message);
    }
  };
  const ask = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(args);
    if (code !== 0) throw new EngineRefused(args.slice(0, 2).join(" "), `${stdout}\n${stderr}`);
    return stdout;
  };
  const { url } = whoSchema.parse(JSON.parse(await ask("whoami", "--json", "--non-interactive")));
  const project = projectAbove(folder);
  const name = stack ?? (await selected(run));
  const plainName = name.split("/").at(-1) ?? name;
  const on = ["--stack", name];
  return {
    stack: name,
    ask: (...args) => ask(...args, ...on, "--non-interactive"),
    attend: (...args) => attend([...args, ...on], folder, env),
    state: async () => stateOf(await ask("stack", "export", ...on, "--non-interactive")),
    mend: () => mendHalfWritten(url, project, plainName),
    locks: async () => {
      const here = thisMachine(programOf);
      const locks = await locksOf(url, project, plainName);
      return locks.map((lock) => ({ ...lock, holder: holderOf(lock, here) }));
    },
  };
}

const whoSchema = z.looseObject({ url: z.string() });

async function selected(run: (args: readonly string[]) => Promise<{ code: number | null; stdout: string }>) {
  const { code, stdout } = await run(["stack", "--show-name", "--non-interactive"]);
  if (code !== 0) throw new NoStack("none is selected in this folder");
  return stdout.trim();
}

/** The name of the project that a folder belongs to. @throws NoStack */
function projectAbove(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    const file = ["Pulumi.yaml", "Pulumi.yml"].map((name) => join(at, name)).find(existsSync);
    const name = file === undefined ? undefined : /^name:\s*["']?([\w.-]+)/m.exec(readFileSync(file, "utf8"))?.[1];
    if (name !== undefined) return name;
    if (at === dirname(at)) throw new NoStack(`${folder} is in no Pulumi project`);
  }
}

/** This process's environment, with its own Node first: the program and its providers run on it, and start faster from what it compiled before. */
const environment = (): Record<string, string> => ({
  ...(process.env as Record<string, string>),
  ...compileCache(process.env),
  PATH: [dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter),
});

/** The first word of a process's command line (proc(5)); where there is no /proc, any process may be the one. */
function programOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0];
  } catch {
    return existsSync("/proc/self") ? undefined : "pulumi";
  }
}

/**
 * The engine in a process group of its own, so that a terminal's Ctrl-C reaches only us. It is passed on once: the engine then ends what is in flight, saves its state,
 * and stops. A second one would have it abandon what it began, so that one is only answered.
 */
function attend(args: readonly string[], cwd: string, env: Record<string, string>): Promise<void> {
  const child = startProcess("pulumi", args, { cwd, env, stdio: ["ignore", "inherit", "inherit"], detached: true });
  let isStopping = false;
  const stop = (): void => {
    process.stderr.write(
      isStopping
        ? "\nStill waiting for what is in flight; to abandon it would leave it unknown to the stack.\n"
        : "\nStopping as soon as what is in flight has ended …\n",
    );
    if (!isStopping) child.kill("SIGINT");
    isStopping = true;
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, stop);
  return new Promise<void>((resolve, reject) => {
    child.once("error", (error) => reject(new NoEngine(error.message)));
    child.once("exit", (code) => {
      // An interrupted destroy ends with 0 as well.
      if (isStopping) reject(new StoppedAsAsked(args[0] ?? ""));
      else if (code !== 0) reject(new EngineRefused(args[0] ?? "", ""));
      else resolve();
    });
  }).finally(() => {
    for (const signal of signals) process.off(signal, stop);
  });
}
