import * as pulumi from "@pulumi/pulumi";
import { describeError, FleetError } from "../../schema/errors.js";
import { coded } from "../coded.js";
import { chainChecks } from "./checks/chain-checks.js";
import type { Check } from "./checks/check.js";
import { dockerChecks } from "./checks/docker-checks.js";
import { hostChecks } from "./checks/host-checks.js";
import { keyChecks } from "./checks/key-checks.js";
import type { ResolvedWorker } from "./resolve.js";

/** Every check there is, in the order their failures are told. Hosts and clouds add theirs. */
export const checks: readonly Check[] = [...keyChecks, ...chainChecks, ...hostChecks, ...dockerChecks];

/**
 * Runs every check, in preview as in `up`, and tells the money. Nothing is made before all have passed.
 *
 * @throws pulumi.RunError with the first failure's one line: Pulumi shows it without a stack
 */
export async function preflight(worker: ResolvedWorker): Promise<void> {
  const results = await Promise.allSettled(checks.map((check) => check.run(worker)));
  const failures = results.filter((result) => result.status === "rejected").map((result) => coded(result.reason));
  const bug = failures.find((failure) => !(failure instanceof FleetError));
  if (bug !== undefined) throw bug instanceof Error ? bug : new Error(describeError(bug));
  if (failures.length > 0) throw new pulumi.RunError([...new Set(failures.map(describeError))].join("\n"));
  const told = (as: "summary" | "warning"): string[] =>
    results.flatMap((result, index) =>
      result.status === "fulfilled" && result.value !== undefined && (checks[index]?.tells ?? "summary") === as
        ? [result.value]
        : [],
    );
  for (const line of told("warning")) await pulumi.log.warn(`${worker.name}: ${line}`);
  const lines = told("summary");
  if (lines.length > 0) await pulumi.log.info(`${worker.name}: ${lines.join(" · ")}`);
}
