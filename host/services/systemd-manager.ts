import { existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { toJson } from "../../schema/json.js";
import { FleetError } from "../../schema/errors.js";
import { writeAtomically } from "../../system/files.js";
import { runProcess } from "../../system/process.js";
import type { SupervisorLayout } from "../layout.js";
import type { SupervisorProgram } from "./supervisor-manager.js";
import { renderUnit } from "./systemd-unit.js";
import type { ServiceManager, UnitStatus } from "./unit.js";

/** LF1332: systemd refused something. */
export class SystemdFailed extends FleetError {
  constructor(args: readonly string[], output: string) {
    super("LF1332", `systemctl ${args.join(" ")} failed: ${output.trim().split("\n").at(-1) ?? "no output"}.`, {
      fix: `journalctl -u ${args.at(-1) ?? ""} -n 50`,
    });
  }
}

/** Whether systemd is PID 1 here and may be told what to do. */
export const systemdRules = (): boolean => existsSync("/run/systemd/system") && process.getuid?.() === 0;

const unitFolder = "/etc/systemd/system";

/** Units under systemd. The secret is opened by a small parent process at each start, as under our own supervisor. */
export function systemdManager(folders: SupervisorLayout, program: SupervisorProgram): ServiceManager {
  const prefix = `lightchain-${Buffer.from(program.root).toString("hex").slice(-8)}`;
  const serviceOf = (name: string): string => `${prefix}-${name}.service`;
  return {
    kind: "systemd",
    ensure: async (unit) => {
      await mkdir(folders.units, { recursive: true, mode: 0o700 });
      const spec = join(folders.units, `${unit.name}.json`);
      const rendered = renderUnit(unit, { node: program.node, supervisor: program.file, spec });
      const service = serviceOf(unit.name);
      const same =
        (await readFile(join(unitFolder, service), "utf8").catch(() => "")) === rendered &&
        (await readFile(spec, "utf8").catch(() => "")) === toJson(unit);
      if (same && (await show(service)).state === "running") return false;
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
      return true;
    },
    status: async (name) => (existsSync(join(unitFolder, serviceOf(name))) ? show(serviceOf(name)) : undefined),
    shutdown: async () => undefined,
  };
}

async function systemctl(...args: readonly string[]): Promise<string> {
  const ended = await runProcess("systemctl", args, { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } });
  if (ended.code !== 0) throw new SystemdFailed(args, ended.stderr || ended.stdout);
  return ended.stdout;
}

async function show(service: string): Promise<UnitStatus> {
  const text = await systemctl("show", "-p", "ActiveState,SubState,MainPID,ExecMainStatus", service);
  const value = (key: string): string => new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1] ?? "";
  const pid = Number(value("MainPID"));
  const exit = Number(value("ExecMainStatus"));
  return {
    state:
      value("ActiveState") === "active"
        ? "running"
        : value("SubState") === "auto-restart" || value("ActiveState") === "activating"
          ? "backing-off"
          : exit === 78
            ? "refused"
            : "stopped",
    pid: pid > 0 ? pid : null,
    lastExit: pid > 0 ? null : exit,
  };
}
