import { readIfPresent } from "../system/files.js";
import { FleetError } from "../schema/errors.js";
import type { UnitStatus } from "./services/unit.js";

/** LF1320: a worker's sidecar does not answer; with what its service says and the last thing it logged. */
export class SidecarSilent extends FleetError {
  private constructor(worker: string, how: string, log: string, cause: unknown) {
    super("LF1320", `The sidecar of worker ${worker} does not answer: ${how}.`, {
      fix: `tail ${log}, then pulumi up again.`,
      cause,
    });
  }

  static async of(worker: string, status: UnitStatus | undefined, log: string, cause: unknown): Promise<SidecarSilent> {
    const last = (await readIfPresent(log))?.trim().split("\n").at(-1) ?? "";
    return new SidecarSilent(
      worker,
      `${describe(status)}${last === "" ? "" : `; last log line: ${last.slice(0, 500)}`}`,
      log,
      cause,
    );
  }
}

function describe(status: UnitStatus | undefined): string {
  if (status === undefined) return "it has no service on this host";
  if (status.state === "running") return `it runs as process ${status.pid ?? "?"} and is still starting`;
  if (status.state === "refused") return "it refused to run as it is configured (exit code 78) and stays down";
  return `its service is ${status.state}, last exit code ${status.lastExit ?? "none"}`;
}
