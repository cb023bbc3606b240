import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { toJson } from "../../schema/json.js";
import { FleetError } from "../../schema/errors.js";
import { readIfPresent, writeAtomically } from "../../system/files.js";
import { runProcess } from "../../system/process.js";
import type { SupervisorLayout } from "../layout.js";
import { ollamaUnitName } from "../sections/ollama-unit.js";
import { exitCodes } from "../supervisor/restart-policy.js";
import { openCredentialStore } from "./credentials.js";
import { openFolderToAll } from "./folders.js";
import { hasNvidiaCard, renderGpuWait } from "./gpu-unit.js";
import type { SupervisorProgram } from "./supervisor-manager.js";
import { ensureUser, removeUser, removeUsersOf } from "./system-users.js";
import { renderUnit } from "./systemd-unit.js";
import type { ServiceManager, Unit, UnitStatus } from "./unit.js";
import { veilsFor } from "./veils.js";
import { renderWatchdog } from "./watchdog-unit.js";

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

/** Units under systemd, each with what belongs to it: its watchdog, or the wait for a GPU's driver. */
export function systemdManager(folders: SupervisorLayout, program: SupervisorProgram): ServiceManager {
  const { root } = program;
  const serviceOf = (name: string): string => serviceName(root, name);
  const filesOf = (name: string): Record<"service" | "look" | "timer" | "gpu", string> => ({
    service: serviceOf(name),
    look: serviceName(root, `watch-${name}`),
    timer: serviceName(root, `watch-${name}`, "timer"),
    gpu: serviceName(root, "gpu"),
  });

  /** Every file of a unit below {@link unitFolder}, by name. */
  const rendered = async (unit: Unit): Promise<Record<string, string>> => {
    const names = filesOf(unit.name);
    const isOllama = unit.name === ollamaUnitName;
    const waitsForGpu = isOllama && unit.sandbox !== undefined && (await hasNvidiaCard());
    const { watchdog } = unit;
    const alongside = [...(waitsForGpu ? [names.gpu] : []), ...(watchdog === undefined ? [] : [names.timer])];
    const around = {
      node: program.node,
      supervisor: program.file,
      spec: join(folders.units, `${unit.name}.json`),
      after: isOllama ? (waitsForGpu ? [names.gpu] : []) : [serviceOf(ollamaUnitName)],
      with: alongside,
      veils: unit.sandbox === undefined ? [] : await veilsFor(root, unit.readable ?? []),
    };
    const watch = watchdog === undefined ? undefined : renderWatchdog({ ...unit, watchdog }, names, around);
    return {
      [names.service]: renderUnit(unit, around),
      ...(waitsForGpu ? { [names.gpu]: renderGpuWait() } : {}),
      ...(watch === undefined ? {} : { [names.look]: watch.look, [names.timer]: watch.timer }),
    };
  };

  return {
    kind: "systemd",
    confinement: {
      user: (unit, groups) => ensureUser(root, unit, groups),
      forgetUser: (unit) => removeUser(root, unit),
      credentials: () => openCredentialStore(serviceName(root, "trial").replace(/\.service$/, ""), serviceOf),
    },
    ensure: async (unit) => {
      await mkdir(folders.units, { recursive: true, mode: 0o700 });
      const spec = join(folders.units, `${unit.name}.json`);
      const service = serviceOf(unit.name);
      const files = Object.entries(await rendered(unit));
      const isWritten = async (path: string, text: string): Promise<boolean> => (await readIfPresent(path)) === text;
      const all = await Promise.all([
        isWritten(spec, toJson(unit)),
        ...files.map(([name, text]) => isWritten(join(unitFolder, name), text)),
      ]);
      // One that waits to be started again is started now: what it failed on may be over.
      if (all.every(Boolean) && (await show(service)).state === "running") return false;
      if (unit.sandbox !== undefined) await openFolderToAll(dirname(program.file)); // its watchdog looks as the unit's user
      await writeAtomically(spec, toJson(unit), "private");
      for (const [name, text] of files) await writeAtomically(join(unitFolder, name), text, "public");
      await systemctl("daemon-reload");
      await systemctl("enable", service);
      // Ends the running one first, which may take as long as its jobs do.
      await systemctl("restart", service);
      return true;
    },
    remove: async (name) => {
      const names = filesOf(name);
      if (!existsSync(join(unitFolder, names.service))) return false;
      await systemctl("disable", "--now", names.service);
      const gone = [names.service, names.look, names.timer, ...(name === ollamaUnitName ? [names.gpu] : [])];
      for (const one of gone.slice(1)) await systemctl("stop", one).catch(() => undefined); // fails where there is none
      for (const one of gone) await rm(join(unitFolder, one), { force: true });
      await rm(join(folders.units, `${name}.json`), { force: true });
      await systemctl("daemon-reload");
      for (const one of gone) await systemctl("reset-failed", one).catch(() => undefined); // fails unless it had failed
      return true;
    },
    status: async (name) => (existsSync(join(unitFolder, serviceOf(name))) ? show(serviceOf(name)) : undefined),
    resume: async () => undefined,
    shutdown: () => removeUsersOf(root),
  };
}

/** A unit's name in the machine's systemd: several hosts' folders may share it. Pure. */
export const serviceName = (root: string, unit: string, type: "service" | "timer" = "service"): string =>
  `lightchain-${createHash("sha256").update(root).digest("hex").slice(0, 8)}-${unit}.${type}`;

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
