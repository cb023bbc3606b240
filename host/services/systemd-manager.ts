import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { toJson } from "../../schema/json.js";
import { FleetError } from "../../schema/errors.js";
import { readIfPresent, writeAtomically } from "../../system/files.js";
import { runProcess } from "../../system/process.js";
import type { SupervisorLayout } from "../layout.js";
import { ollamaUnitName } from "../sections/runtime.js";
import { exitCodes } from "../supervisor/restart-policy.js";
import type { SupervisorProgram } from "./supervisor-manager.js";
import { renderUnit } from "./systemd-unit.js";
import type { ServiceManager, UnitStatus } from "./unit.js";

/** LF1332: systemd refused something. */
export class SystemdFailed extends FleetError {
  constructor(args: readonly string[], output: string) {
    super("LF1332", `systemctl ${args.join(" ")} failed: ${output.trim().split("\n").at(-1) ?? "no output"}.`, {
      fix: args.length > 1 ? `journalctl -u ${args.at(-1) ?? ""} -n 50` : "journalctl -n 50",
    });
  }
}

/** Whether systemd is PID 1 here and may be told what to do. */
export const systemdRules = (): boolean => existsSync("/run/systemd/system") && process.getuid?.() === 0;

const unitFolder = "/etc/systemd/system";

/** Units under systemd. The secret is opened by a small parent process at each start, as under our own supervisor. */
export function systemdManager(folders: SupervisorLayout, program: SupervisorProgram): ServiceManager {
  const serviceOf = (name: string): string => serviceName(program.root, name);
  return {
    kind: "systemd",
    ensure: async (unit) => {
      await mkdir(folders.units, { recursive: true, mode: 0o700 });
      const spec = join(folders.units, `${unit.name}.json`);
      const service = serviceOf(unit.name);
      const rendered = renderUnit(unit, {
        node: program.node,
        supervisor: program.file,
        spec,
        after: unit.name === ollamaUnitName ? [] : [serviceOf(ollamaUnitName)],
      });
      const isWrittenSo =
        (await readIfPresent(join(unitFolder, service))) === rendered && (await readIfPresent(spec)) === toJson(unit);
      // One that waits to be started again is started now: what it failed on may be over.
      if (isWrittenSo && (await show(service)).state === "running") return false;
      await writeAtomically(spec, toJson(unit), "private");
      await writeAtomically(join(unitFolder, service), rendered, "public");
      await systemctl("daemon-reload");
      await systemctl("enable", service);
      await systemctl("restart", service);
      return true;
    },
    remove: async (name) => {
      const service = serviceOf(name);
      if (!existsSync(join(unitFolder, service))) return false;
      await systemctl("disable", "--now", service);
      await rm(join(unitFolder, service), { force: true });
      await rm(join(folders.units, `${name}.json`), { force: true });
      await systemctl("daemon-reload");
      await systemctl("reset-failed", service).catch(() => undefined); // fails unless it had failed
      return true;
    },
    status: async (name) => (existsSync(join(unitFolder, serviceOf(name))) ? show(serviceOf(name)) : undefined),
    resume: async () => undefined,
    shutdown: async () => undefined,
  };
}

/** A unit's name in the machine's systemd: several hosts' folders may share it. Pure. */
export const serviceName = (root: string, unit: string): string =>
  `lightchain-${createHash("sha256").update(root).digest("hex").slice(0, 8)}-${unit}.service`;

async function systemctl(...args: readonly string[]): Promise<string> {
  const ended = await runProcess("systemctl", args, { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } });
  if (ended.code !== 0) throw new SystemdFailed(args, ended.stderr || ended.stdout);
  return ended.stdout;
}

async function show(service: string): Promise<UnitStatus> {
  return readStatus(await systemctl("show", "-p", "ActiveState,MainPID,ExecMainCode,ExecMainStatus", service));
}

/** What `systemctl show` says of a unit (org.freedesktop.systemd1(5)). One that is being stopped still runs. Pure. */
export function readStatus(text: string): UnitStatus {
  const value = (key: string): string => new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1] ?? "";
  const pid = Number(value("MainPID"));
  const endedByItself = value("ExecMainCode") === "1"; // CLD_EXITED; otherwise the status is a signal's number, or nothing ran yet
  const lastExit = pid === 0 && endedByItself ? Number(value("ExecMainStatus")) : null;
  return { state: stateOf(value("ActiveState"), lastExit), pid: pid > 0 ? pid : null, lastExit };
}

function stateOf(active: string, lastExit: number | null): UnitStatus["state"] {
  switch (active) {
    case "active":
    case "reloading":
    case "deactivating":
      return "running";
    case "activating": // `auto-restart` too
      return "backing-off";
    default:
      return lastExit === exitCodes.misconfigured ? "refused" : "stopped";
  }
}
