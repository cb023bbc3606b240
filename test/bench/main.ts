import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeError, FleetError } from "../../schema/errors.js";
import { benchEngine } from "./engine.js";
import { benchFleet } from "./fleet.js";
import { benchHosts } from "./hosts.js";

/*
 * npm run bench -- <what>: what a preview and an `up` that changes nothing cost over the engine's own, measured against a program with as many empty dynamic
 * resources, in turns, in one run; of a fleet what a preview costs before anything is made. Ratios; the absolute times are this machine's.
 */
const benches: Readonly<Record<string, (root: string) => Promise<void>>> = {
  engine: benchEngine,
  hosts: benchHosts,
  fleet: benchFleet,
};

async function main([what = ""]: readonly string[]): Promise<void> {
  const bench = Object.hasOwn(benches, what) ? benches[what] : undefined;
  if (bench === undefined) throw new Error(`npm run bench -- <one of: ${Object.keys(benches).join(", ")}>`);
  const root = await mkdtemp(join(tmpdir(), "fleet-bench-"));
  try {
    await bench(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof FleetError ? error.message : describeError(error)}\n`);
  process.exitCode = 1;
});
