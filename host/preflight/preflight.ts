import { describeError } from "../../schema/errors.js";
import type { PreflightLine, Wants } from "../../schema/host.js";
import { within } from "../../system/bounded.js";
import type { Clock } from "../../system/clock.js";
import type { Layout } from "../layout.js";
import type { ServiceManager } from "../services/unit.js";
import { cpus, disk, memory } from "./capacity.js";
import { entry, fail, type AnyCheck, type Surroundings } from "./check.js";
import { askEndpoints, type Answer } from "./endpoints.js";
import { gpu, gpuMemory } from "./gpu.js";
import { clock as clockCheck, dns, routes } from "./network.js";
import { folder, journals, port } from "./place.js";
import { glibc, init, openFiles, platform } from "./system.js";

/** Every check there is, in the order in which their lines are told. */
export const checks: readonly AnyCheck[] = [
  entry(platform),
  entry(glibc),
  entry(init),
  entry(cpus),
  entry(memory),
  entry(disk),
  entry(folder),
  entry(journals),
  entry(openFiles),
  entry(gpu),
  entry(gpuMemory),
  entry(port),
  entry(dns),
  entry(routes),
  entry(clockCheck),
];

/**
 * What is looked at in a container beside Ollama's. Port, GPU and the models' memory are Ollama's; memory and processors are what the operator gave it; its engine starts it
 * after a reboot.
 */
export const checksInContainer: readonly AnyCheck[] = [
  entry(platform),
  entry(glibc),
  entry(disk),
  entry(folder),
  entry(openFiles),
  entry(dns),
  entry(routes),
  entry(clockCheck),
];

/** Longest that one check may take (ms). They run at the same time, so all of them take no longer. */
const checkMs = 10_000;

/** Runs every check at once. A check that breaks, or takes too long, is a failed line: what could not be looked at is not taken for good. */
export async function preflight(
  machine: { readonly layout: Layout; readonly services: ServiceManager; readonly clock: Clock },
  wants: Wants,
  registry: readonly AnyCheck[] = wants.container ? checksInContainer : checks,
): Promise<PreflightLine[]> {
  let asked: Promise<readonly Answer[]> | undefined;
  const answers = (): Promise<readonly Answer[]> => (asked ??= askEndpoints(wants.endpoints));
  return Promise.all(
    registry.map((check) => lineOf(check, machine.clock, (signal) => ({ ...machine, wants, signal, answers }))),
  );
}

async function lineOf(
  { name, run }: AnyCheck,
  clock: Clock,
  around: (signal: AbortSignal) => Surroundings,
): Promise<PreflightLine> {
  const again =
    "run the same command again; if it stays, look into the machine: something that always answers does not.";
  try {
    const ended = await within(checkMs, clock, (signal) => run(around(signal)));
    return { check: name, ...(ended.inTime ? ended.value : fail(`no result within ${checkMs / 1_000} s`, again)) };
  } catch (error) {
    return { check: name, ...fail(`could not be looked at: ${describeError(error)}`, again) };
  }
}
