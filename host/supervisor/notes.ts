import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { toJson } from "../../schema/json.js";
import type { Clock } from "../../system/clock.js";
import { writeAtomically } from "../../system/files.js";
import type { Logger } from "../../system/log.js";
import { unitSchema, type Unit } from "../services/unit.js";
import { forgetChild, rememberChild, stopOrphans } from "./orphans.js";

/** What a supervisor writes down, so that the next one can go on where it was killed. */
export interface Notes {
  /** Every unit that is to run, by name. */
  units(): Promise<Unit[]>;
  keep(unit: Unit): Promise<void>;
  drop(name: string): Promise<void>;
  /** A unit's program runs as this process. */
  started(name: string, pid: number): Promise<void>;
  ended(name: string): Promise<void>;
  /** Stops each program that a former supervisor started and did not see the end of. */
  stopOrphans(): Promise<void>;
}

/** How long a program that a killed supervisor left may take to end (ms). Short: the host is waited for meanwhile. */
const orphanGraceMs = 10_000;

/** Notes as files: `units/<name>.json` and `pids/<name>`. */
export function notesIn(folders: { units: string; pids: string }, clock: Clock, log: Logger): Notes {
  const fileOf = (name: string): string => join(folders.units, `${name}.json`);
  return {
    units: async () => {
      await mkdir(folders.units, { recursive: true, mode: 0o700 });
      const files = (await readdir(folders.units)).filter((name) => name.endsWith(".json")).sort();
      const units = await Promise.all(files.map((file) => readUnit(join(folders.units, file), log)));
      return units.filter((unit) => unit !== undefined);
    },
    keep: (unit) => writeAtomically(fileOf(unit.name), toJson(unit), "private"),
    drop: (name) => rm(fileOf(name), { force: true }),
    started: (name, pid) => rememberChild(folders.pids, name, pid),
    ended: (name) => forgetChild(folders.pids, name),
    stopOrphans: async () => {
      await mkdir(folders.pids, { recursive: true, mode: 0o700 });
      await stopOrphans(folders.pids, orphanGraceMs, clock);
    },
  };
}

/** One unreadable unit must not keep the others down. */
async function readUnit(file: string, log: Logger): Promise<Unit | undefined> {
  try {
    return unitSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch (error) {
    log.error({ file, err: error }, "a unit cannot be read and stays down");
    return undefined;
  }
}
