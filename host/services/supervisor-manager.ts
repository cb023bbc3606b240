import { existsSync, openSync, closeSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { FleetError } from "../../schema/errors.js";
import type { Clock } from "../../system/clock.js";
import { isErrno } from "../../system/files.js";
import { isAlive, startProcess } from "../../system/process.js";
import type { SupervisorLayout } from "../layout.js";
import { askSupervisor, type SupervisorReply, type SupervisorRequest } from "../supervisor/protocol.js";
import type { ServiceManager } from "./unit.js";

/** LF1331: our supervisor does not do what it was asked. */
export class SupervisorFailed extends FleetError {
  constructor(what: string, log: string) {
    super("LF1331", `The host's supervisor ${what}.`, { fix: `tail ${log}, then run the same command again` });
  }
}

/** How to start a supervisor: the Node program and the supervisor's file of the bundle that runs this. */
export interface SupervisorProgram {
  readonly node: string;
  readonly file: string;
  readonly root: string;
}

/** Units under our own supervisor, for machines without systemd or users who are not root. */
export function supervisorManager(folders: SupervisorLayout, program: SupervisorProgram, clock: Clock): ServiceManager {
  const ask = async (request: SupervisorRequest): Promise<SupervisorReply> => {
    const reply = await askSupervisor(folders.socket, request);
    if (reply.error !== null) throw new SupervisorFailed(`refused to ${request.op}: ${reply.error}`, folders.log);
    return reply;
  };
  const askIfThere = async (request: SupervisorRequest): Promise<SupervisorReply | undefined> => {
    try {
      return await ask(request);
    } catch (error) {
      if (nobodyThere(error)) return undefined;
      throw error;
    }
  };
  const unitFile = (name: string): string => join(folders.units, `${name}.json`);
  return {
    kind: "supervisor",
    ensure: async (unit) => {
      await startSupervisor(folders, program, clock);
      return (await ask({ op: "ensure", unit })).changed;
    },
    remove: async (name) => {
      const reply = await askIfThere({ op: "remove", name });
      if (reply !== undefined) return reply.changed;
      const known = existsSync(unitFile(name));
      await rm(unitFile(name), { force: true }); // first, so that the supervisor does not start it once more
      if (await holds(folders.pids)) await startSupervisor(folders, program, clock); // it takes down what a killed one left
      return known;
    },
    status: async (name) => {
      const reply = await askIfThere({ op: "status", name });
      if (reply !== undefined) return reply.status ?? undefined;
      // written down, so the next supervisor starts it
      return existsSync(unitFile(name)) ? { state: "backing-off", pid: null, lastExit: null } : undefined;
    },
    resume: async () => {
      if (await holds(folders.units)) await startSupervisor(folders, program, clock);
    },
    shutdown: async () => {
      const reply = await askIfThere({ op: "shutdown" });
      if (reply === undefined) return;
      for (const end = clock.now() + 10_000; isAlive(reply.pid); await clock.sleep(20))
        if (clock.now() >= end) throw new SupervisorFailed("did not end", folders.log);
    },
  };
}

/** Starts the supervisor unless one answers, and waits until it does. */
async function startSupervisor(folders: SupervisorLayout, program: SupervisorProgram, clock: Clock): Promise<void> {
  if (await answers(folders.socket)) return;
  for (const folder of [folders.folder, folders.units, folders.pids])
    await mkdir(folder, { recursive: true, mode: 0o700 });
  const log = openSync(folders.log, "a", 0o600);
  const child = startProcess("/bin/sh", ["-c", withoutCores, program.node, program.file, "--root", program.root], {
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin" },
    stdio: ["ignore", log, log],
    detached: true,
  });
  child.unref();
  closeSync(log);
  for (const end = clock.now() + 20_000; !(await answers(folders.socket));) {
    if (clock.now() >= end) throw new SupervisorFailed("did not come up", folders.log);
    await clock.sleep(30);
  }
}

/** Neither the supervisor nor any program of its leaves its memory on a disk, nor gives it to a handler of crashes (core(5)). */
const withoutCores = `ulimit -c 0; echo 0 2>/dev/null > /proc/self/coredump_filter; exec "$0" "$@"`;

const answers = (socket: string): Promise<boolean> =>
  askSupervisor(socket, { op: "status", name: "any" }).then(
    () => true,
    () => false,
  );

const holds = async (folder: string): Promise<boolean> => (await readdir(folder).catch(() => [])).length > 0;

const nobodyThere = (error: unknown): boolean => isErrno(error, "ENOENT") || isErrno(error, "ECONNREFUSED");
