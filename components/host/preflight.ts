import { FleetError } from "../../schema/errors.js";
import type { PreflightLine, Wants } from "../../schema/host.js";
import type { Host } from "./host.js";
import { HostRefused } from "./host-program.js";

/** LF1351: a machine lacks something that a worker needs. Nothing was changed on it, and nothing is staked. */
export class HostUnfit extends FleetError {
  constructor(host: string, failed: readonly PreflightLine[]) {
    const lines = failed.map(({ check, code, found, fix }) => {
      return `\n  ${check}${code === null ? "" : ` (${code})`}: ${found} → ${fix ?? ""}`;
    });
    super("LF1351", `Host ${host} is not fit for a worker:${lines.join("")}\n`, {
      fix: "mend each of these, then run pulumi up again.",
    });
  }
}

/**
 * Holds a machine against what is wanted of it. @returns a line for each thing that its operator should know
 * @throws HostUnfit LF1351, with every line that failed
 */
export async function passPreflight(host: Host, wants: Wants): Promise<string[]> {
  const { name } = host.reference;
  const reply = await host.call("preflight", { wants }).catch((error: unknown) => {
    if (error instanceof HostRefused && error.code === "LF1336") return undefined; // an older bundle, which looks at nothing
    throw error;
  });
  if (reply === undefined) return [`host ${name} runs a bundle that cannot look at the machine beforehand`];
  const failed = reply.lines.filter(({ verdict }) => verdict === "fail");
  if (failed.length > 0) throw new HostUnfit(name, failed);
  return reply.lines
    .filter(({ verdict }) => verdict === "warn")
    .map(({ check, found, fix }) => `host ${name}, ${check}: ${found}. Next: ${fix ?? ""}`);
}
