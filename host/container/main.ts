import { join, dirname } from "node:path";
import { parseArgs } from "node:util";
import { describeError } from "../../schema/errors.js";
import { systemClock } from "../../system/clock.js";
import { createLogger } from "../../system/log.js";
import { layoutOf, type Layout } from "../layout.js";
import { supervisorManager } from "../services/supervisor-manager.js";
import type { ServiceManager } from "../services/unit.js";
import { isHealthy, writtenUnits } from "./health.js";

/*
 * container --root FOLDER             what a container runs: has the units that are written down run, as a machine's boot would, until it is told to stop
 * container --root FOLDER --health    whether they all do, by the exit code
 */
const { values } = parseArgs({ options: { root: { type: "string" }, health: { type: "boolean", default: false } } });

/** Between looks at whether a supervisor is there (ms). */
const lookEveryMs = 1_000;

if (values.root === undefined) process.exit(64);
const layout = layoutOf(values.root);
const services = managerFor(layout);
if (values.health) void health();
else void keep();

async function keep(): Promise<void> {
  const log = createLogger("container");
  const stopping = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stopping.abort());
  log.info({ root: layout.root }, "keeping this container's programs running");
  while (!stopping.signal.aborted) {
    // The host program starts a supervisor too, when it needs one: whichever comes second ends and leaves everything to the first.
    await services.resume().catch((error: unknown) => log.error({ err: error }, describeError(error)));
    await systemClock.sleep(lookEveryMs, stopping.signal);
  }
  log.info("stopping every program");
  await services.shutdown().catch((error: unknown) => log.error({ err: error }, describeError(error)));
  process.exit(0);
}

async function health(): Promise<void> {
  const healthy = await isHealthy(await writtenUnits(layout.supervisor.units), (name) => services.status(name));
  process.exit(healthy ? 0 : 1);
}

function managerFor({ root, supervisor }: Layout): ServiceManager {
  const bundle = dirname(process.argv[1] ?? "");
  const program = { node: process.execPath, file: join(bundle, "supervisor.js"), root };
  return supervisorManager(supervisor, program, systemClock);
}
