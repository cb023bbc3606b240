import { once } from "node:events";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { z } from "zod";
import type { Folders } from "../../../scripts/rehearsal/folders.js";
import type { Stage } from "../../../scripts/rehearsal/stage.js";
import { systemClock } from "../../../system/clock.js";
import { compiled } from "../../../system/package-root.js";
import { runProcess, startProcess, type ProcessResult } from "../../../system/process.js";
import { byHandReadable } from "../e2e/killed/interrupted-engine.js";
import type { Fleet } from "./fleet.js";
import type { Withheld } from "./withheld.js";

/** Calls that make something in AWS, whose answers the engine's provider needs to know of it. */
export const makers = [
  ...["CreateBucket", "CreateRole", "PutRolePolicy", "CreateInstanceProfile", "CreateSecurityGroup", "PutMetricAlarm"],
  ...["CreateCapacityReservation", "CreateVolume", "RunInstances", "AttachVolume"],
  ...["CreateVpc", "CreateSubnet", "CreateInternetGateway", "CreateRouteTable", "CreateTopic"],
  ...["AttachInternetGateway", "AssociateRouteTable", "CreateLogGroup", "CreateBudget"],
] as const;

/** How a run ended. */
export interface Ended {
  /** Where the engine was killed: one place at least; `undefined` when it was not. */
  readonly at: readonly string[] | undefined;
  readonly code: number | null;
  readonly output: string;
}

/** Runs of the engine on one stack, plain or below `fleet`, each of which is killed at the first place that none was killed at. */
export interface KilledRuns {
  /** Places that a run was killed at so far: `Instance anna-host begun`, `Instance anna-host done`, `RunInstances unanswered`. */
  readonly places: ReadonlySet<string>;
  /** @param spare places that no run is to be killed at, by what they are called */
  run(program: "pulumi" | "fleet", args: readonly string[], spare?: (place: string) => boolean): Promise<Ended>;
  /** One that nobody kills. */
  whole(program: "pulumi" | "fleet", ...args: readonly string[]): Promise<ProcessResult>;
}

const metadata = z.looseObject({
  metadata: z.looseObject({
    op: z.string(),
    urn: z.string(),
    new: z.looseObject({ custom: z.boolean().default(false) }).nullish(),
    old: z.looseObject({ custom: z.boolean().default(false) }).nullish(),
  }),
});
const eventSchema = z.looseObject({ resourcePreEvent: metadata.optional(), resOutputsEvent: metadata.optional() });

/** What a resource is called in a place's name: of the resources of one type and name there is one. */
const called = (urn: string): string => {
  const [, , types = "", name = ""] = urn.split("::");
  return `${/(\w+)$/.exec(types)?.[1] ?? ""} ${name}`;
};

/** The places that a line of the engine's event log tells of. */
function placesIn(line: string): string[] {
  const { resourcePreEvent, resOutputsEvent } = eventSchema.parse(JSON.parse(line));
  return [resourcePreEvent, resOutputsEvent].flatMap((event, at) => {
    if (event === undefined) return [];
    const { op, urn, new: after, old: before } = event.metadata;
    const isOurs = (op === "create" && after?.custom === true) || (op === "delete" && before?.custom === true);
    return isOurs ? [`${called(urn)} ${op === "create" ? "made" : "removed"}: ${at === 0 ? "begun" : "done"}`] : [];
  });
}

export async function prepareKilledRuns(
  folders: Folders,
  { environment }: Pick<Stage, "environment">,
  withheld: Withheld,
): Promise<KilledRuns> {
  const [bin, log, pidFile] = ["bin-that-tells", "killed-events.json", "killed-engine.pid"].map((name) =>
    join(folders.logs, name),
  ) as [string, string, string];
  const shim = join(bin, "pulumi");
  await mkdir(bin, { recursive: true });
  // `fleet` runs whichever `pulumi` is first on PATH; this one also says who it is and what it does.
  await writeFile(
    shim,
    `#!/bin/sh
PATH=\${PATH#*${delimiter}}
case "$1" in up|destroy) echo $$ >'${pidFile}'; exec pulumi "$@" --event-log '${log}';; esac
exec pulumi "$@"
`,
  );
  await chmod(shim, 0o755);
  const env = {
    ...environment,
    PATH: `${bin}${delimiter}${environment["PATH"] ?? ""}`,
    PULUMI_DEBUG_COMMANDS: "true",
  };
  const commandOf = (program: "pulumi" | "fleet", args: readonly string[]): [string, string[]] => {
    const on = [...args, "--stack", "devnet"];
    return program === "pulumi"
      ? [shim, [...on, "--non-interactive"]]
      : [process.execPath, [compiled("scripts/fleet.js"), ...on]];
  };
  const places = new Set<string>();

  return {
    places,
    whole: (program, ...args) => runProcess(...commandOf(program, args), { cwd: folders.project, env }),
    run: async (program, args, spare = () => false) => {
      for (const file of [log, pidFile]) await rm(file, { force: true });
      const child = startProcess(...commandOf(program, args), {
        ...{ cwd: folders.project, env, stdio: ["ignore", "pipe", "pipe"], detached: true },
      });
      let output = "";
      for (const stream of [child.stdout, child.stderr])
        stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
      // Not "close": an orphan keeps the pipes open for as long as it lives.
      const ended = once(child, "exit") as Promise<[number | null]>;
      let isOver = false;
      void ended.then(() => (isOver = true));

      const pid = async (): Promise<number> => Number(await readFile(pidFile, "utf8").catch(() => "0"));
      // Not from the start: what the run before left may still be asking for something.
      while (!isOver && ((await pid()) === 0 || !(await hasBegun(log)))) await systemClock.sleep(5);
      withheld.keep(makers.filter((action) => !places.has(unanswered(action)) && !spare(unanswered(action))));
      let at: string[] | undefined;
      while (!isOver && at === undefined) {
        const there = [...(await placesSoFar(log)), ...withheld.kept().map(unanswered)];
        const first = there.find((place) => !places.has(place) && !spare(place));
        if (first === undefined) await systemClock.sleep(5);
        else {
          process.kill(await pid(), "SIGKILL");
          at = [...new Set([first, ...withheld.kept().map(unanswered)])];
          for (const place of at) places.add(place);
        }
      }
      const [code] = await ended;
      withheld.letGo();
      return { at, code, output };
    },
  };
}

/** Kills an up once AWS has made something and not said so, and nowhere else; then makes the stack workable by hand. @returns the means to go on */
export async function killedAt(fleet: Fleet, stage: Stage, action: (typeof makers)[number]): Promise<KilledRuns> {
  const { folders } = fleet.rehearsal;
  const runs = await prepareKilledRuns(folders, stage, fleet.cloud.bridge.withheld);
  const place = unanswered(action);
  const { at, output } = await runs.run("pulumi", ["up", "--yes", "--skip-preview"], (one) => one !== place);
  if (at?.join() !== place) throw new Error(`killed at ${at?.join(", ") ?? "no place"}: ${output}`);
  await byHandReadable(folders);
  await runs.whole("pulumi", "cancel", "--yes");
  return runs;
}

const unanswered = (action: string): string => `${action} unanswered`;

const hasBegun = async (log: string): Promise<boolean> => (await readFile(log, "utf8").catch(() => "")).includes("\n");

async function placesSoFar(log: string): Promise<string[]> {
  const text = await readFile(log, "utf8").catch(() => "");
  return text.split("\n").slice(0, -1).flatMap(placesIn);
}
