import { z } from "zod";
import { readIfPresent } from "../system/files.js";
import { FleetError } from "../schema/errors.js";
import type { UnitStatus } from "./services/unit.js";

/** LF1320: a worker's sidecar does not answer; with what its service says and the last thing it logged. */
export class SidecarSilent extends FleetError {
  constructor(worker: string, how: string, log: string, cause: unknown) {
    super("LF1320", `The sidecar of worker ${worker} does not answer: ${how}.`, {
      fix: `tail ${log}, then pulumi up again.`,
      cause,
    });
  }
}

/** LF1321: a worker's sidecar ends at its start, for the reason that it gives itself. Next: what that reason asks for. */
export class SidecarEnds extends FleetError {
  constructor(worker: string, because: { code: string; msg: string; fix: string }, cause: unknown) {
    super("LF1321", `The sidecar of worker ${worker} cannot start: ${because.code}: ${because.msg}`, {
      fix: because.fix,
      cause,
    });
  }
}

/** The last word of a sidecar that gave up. */
const lastWordSchema = z.looseObject({ level: z.literal("fatal"), code: z.string(), msg: z.string(), fix: z.string() });

/** Why a sidecar does not answer, by its service and its log. */
export async function whySilent(
  worker: string,
  status: UnitStatus | undefined,
  log: string,
  cause: unknown,
): Promise<FleetError> {
  const last = (await readIfPresent(log))?.trim().split("\n").at(-1) ?? "";
  const isDown = status !== undefined && status.state !== "running";
  const word = isDown ? lastWordSchema.safeParse(parsed(last)).data : undefined;
  if (word !== undefined) return new SidecarEnds(worker, word, cause);
  const said = last === "" ? "" : `; last log line: ${last.slice(0, 500)}`;
  return new SidecarSilent(worker, `${describe(status)}${said}`, log, cause);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined; // cut off, or not ours
  }
}

function describe(status: UnitStatus | undefined): string {
  if (status === undefined) return "it has no service on this host";
  if (status.state === "running") return `it runs as process ${status.pid ?? "?"} and is still starting`;
  if (status.state === "refused") return "it refused to run as it is configured (exit code 78) and stays down";
  return `its service is ${status.state}, last exit code ${status.lastExit ?? "none"}`;
}
