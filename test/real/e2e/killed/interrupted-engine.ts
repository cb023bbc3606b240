import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Stage } from "../../../../scripts/rehearsal/stage.js";
import type { Folders } from "../../../../scripts/rehearsal/folders.js";
import { compiled } from "../../../../system/package-root.js";
import { startProcess } from "../../../../system/process.js";
import { systemClock } from "../../../../system/clock.js";

export const types = ["Keys", "Host", "Model", "Service", "Funding", "Registration"] as const;
/** Before the engine has written down that it begins, after that and before the end, or after it. */
export const moments = ["begun", "in flight", "done"] as const;
export const interruptions = ["SIGINT", "SIGINT twice", "SIGTERM", "SIGHUP", "SIGKILL"] as const;

/** Where a run is interrupted, and how. */
export interface Interruption {
  readonly command: "up" | "destroy";
  readonly type: (typeof types)[number];
  readonly moment: (typeof moments)[number];
  /** `nothing`: no signal; what is awaited at the place is all that happens. */
  readonly how: (typeof interruptions)[number] | "nothing";
  /** Which program is run, and gets the signal. Default: `pulumi`. */
  readonly program?: "pulumi" | "fleet";
}
export const describeInterruption = ({ command, type, moment, how, program = "pulumi" }: Interruption): string =>
  `${how} of ${program} ${command} with ${type} ${moment}`;

/** How an interrupted run ended. */
export interface Interrupted {
  /** Whether the run came to the place at all, and the signal was sent. */
  readonly struck: boolean;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

const about = z.looseObject({ metadata: z.looseObject({ op: z.string(), type: z.string() }) });
/** What the engine's event log says about one resource. */
const eventSchema = z.looseObject({ resourcePreEvent: about.optional(), resOutputsEvent: about.optional() });
/** What the engine has on disk of operations that it began. */
const checkpointSchema = z.looseObject({
  checkpoint: z.looseObject({
    latest: z
      .looseObject({
        pending_operations: z.array(z.looseObject({ resource: z.looseObject({ type: z.string() }) })).nullish(),
      })
      .nullish(),
  }),
});

/**
 * Runs the real engine, and interrupts it at a place that its own event log and state name.
 * @param ready awaited at the place, before the signal; gets the engine's process
 */
export async function interruptedRun(
  { environment }: Pick<Stage, "environment">,
  folders: Folders,
  interruption: Interruption,
  ready: (pid: number) => Promise<unknown> = () => Promise.resolve(),
): Promise<Interrupted> {
  const log = join(folders.logs, "interrupted-events.json");
  await rm(log, { force: true });
  const { command, program = "pulumi" } = interruption;
  const common = [command, "--stack", "devnet", "--yes"];
  const child = startProcess(
    program === "fleet" ? process.execPath : "pulumi",
    program === "fleet"
      ? [compiled("scripts/fleet.js"), ...common]
      : [...common, "--non-interactive", "--skip-preview", "--event-log", log],
    {
      cwd: folders.project,
      env: { ...environment, PULUMI_DEBUG_COMMANDS: "true" },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true, // a process group of its own, as a terminal gives it
    },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
  // Not "close": an orphan keeps the pipes open for as long as it lives.
  const ended = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  let isOver = false;
  void ended.then(() => (isOver = true));

  let struck = false;
  while (!isOver && !struck) {
    if (await isThere(log, folders, interruption)) {
      await ready(child.pid ?? 0);
      struck = true;
      await strike(child.pid ?? 0, interruption.how);
    } else await systemClock.sleep(5);
  }
  const [code, signal] = await ended;
  return { struck, code, signal, output };
}

async function isThere(log: string, folders: Folders, { command, type, moment }: Interruption): Promise<boolean> {
  if (moment === "in flight") return isPending(folders, type);
  const operation = command === "up" ? "create" : "delete";
  const lines = (await readFile(log, "utf8").catch(() => "")).split("\n").slice(0, -1);
  const events = lines.map((line) => eventSchema.parse(JSON.parse(line)));
  const has = (event: z.infer<typeof about> | undefined): boolean =>
    event?.metadata.op === operation && event.metadata.type.endsWith(`:${type}`);
  if (moment === "done") return events.some((event) => has(event.resOutputsEvent));
  return events.some((event) => has(event.resourcePreEvent));
}

async function isPending(folders: Folders, type: string): Promise<boolean> {
  try {
    const text = await readFile(stateFileIn(folders), "utf8");
    const { latest } = checkpointSchema.parse(JSON.parse(text)).checkpoint;
    return latest?.pending_operations?.some(({ resource }) => resource.type.endsWith(`:${type}`)) ?? false;
  } catch {
    return false; // half written
  }
}

/** Where the engine keeps the stack's state. */
export const stateFileIn = ({ state }: Pick<Folders, "state">): string =>
  join(state, ".pulumi", "stacks", "lightchain-fleet", "devnet.json");

/** What the README says to do by hand when the engine cannot read its state any more. */
export async function byHandReadable(folders: Pick<Folders, "state">): Promise<void> {
  const attributes = `${stateFileIn(folders)}.attrs`;
  if ((await readFile(attributes, "utf8").catch(() => "none")) === "") await rm(attributes);
}

async function strike(pid: number, how: Interruption["how"]): Promise<void> {
  if (how === "nothing") return;
  const send = (signal: NodeJS.Signals): void => {
    try {
      process.kill(pid, signal);
    } catch {
      // it had ended by itself
    }
  };
  send(how === "SIGINT twice" ? "SIGINT" : how);
  if (how !== "SIGINT twice") return;
  await systemClock.sleep(300); // a person's second thought
  send("SIGINT");
}
