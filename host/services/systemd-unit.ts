import { FleetError } from "../../schema/errors.js";
import { exitCodes, firstPauseMs } from "../supervisor/restart-policy.js";
import type { Unit } from "./unit.js";

/** LF1339: a path that no unit file can hold. */
export class NotForSystemd extends FleetError {
  constructor(text: string) {
    super("LF1339", `systemd takes no path such as ${JSON.stringify(text)}.`, {
      fix: "choose a hostRoot without quotes, backslashes and line ends.",
    });
  }
}

/** What a unit needs to know of its surroundings. */
export interface UnitSurroundings {
  /** Node and the supervisor's file, for a unit with a secret. */
  readonly node: string;
  readonly supervisor: string;
  /** The unit as JSON, for the same. */
  readonly spec: string;
  /** Units that are started before this one, and so are stopped after it. */
  readonly after: readonly string[];
}

/**
 * A unit as systemd reads it (systemd.service(5), systemd.exec(5), systemd.syntax(7)). Pure. Exit codes mean what they mean to our own supervisor: 78
 * stays down, 0 was asked for, anything else is started again.
 * @throws NotForSystemd LF1339
 */
export function renderUnit(unit: Unit, around: UnitSurroundings): string {
  const command = unit.secret === null ? unit.command : [around.node, around.supervisor, "--unit", around.spec];
  return [
    "[Unit]",
    `Description=${plain(unit.description)}`,
    // a service that starts before the driver runs on the CPU for ever (ollama/ollama issue 7669)
    `After=${["network-online.target", "systemd-modules-load.service", "nvidia-persistenced.service", ...around.after].join(" ")}`,
    "Wants=network-online.target",
    "StartLimitIntervalSec=0", // never given up: whoever holds an open session must answer
    "",
    "[Service]",
    "Type=exec",
    `ExecStart=${commandLine(command)}`,
    `WorkingDirectory=${plain(unit.folder)}`,
    ...Object.entries(unit.environment).map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`),
    "Restart=on-failure",
    `RestartPreventExitStatus=${exitCodes.misconfigured}`,
    `RestartSec=${firstPauseMs / 1000}`,
    // systemd 254 and newer; older ones ignore both. A short limit, since it forgets no failure however long ago (systemd issue 43813)
    "RestartSteps=4",
    "RestartMaxDelaySec=15",
    "KillSignal=SIGTERM",
    "KillMode=mixed",
    `TimeoutStopSec=${Math.ceil(unit.stopTimeoutMs / 1000)}`,
    "NoNewPrivileges=yes",
    "LimitCORE=0",
    "UMask=0077",
    `StandardOutput=append:${plain(unit.log)}`,
    `StandardError=append:${plain(unit.log)}`,
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ].join("\n");
}

/** A setting that takes the rest of its line as it is: only specifiers are expanded, and no escape can carry a line's end. */
function plain(text: string): string {
  if (/[\n\r\0]|\\$|^\s|\s$/.test(text)) throw new NotForSystemd(text);
  return text.replaceAll("%", "%%");
}

/** In quotes C escapes are read; specifiers are expanded all the same. */
function quoted(text: string): string {
  if (text.includes("\0")) throw new NotForSystemd(text);
  return `"${text.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\r", "\\r").replaceAll("%", "%%")}"`;
}

/**
 * The colon: no `$` is a variable, in the program's path or in any argument (systemd.service(5), "Command lines"). A program's path, unlike an
 * argument, may hold no quote and no backslash, however escaped (systemd's `string_is_safe`).
 */
function commandLine([program = "", ...args]: readonly string[]): string {
  if (/["'\\\p{Cc}]/u.test(program)) throw new NotForSystemd(program);
  return [quoted(`:${program}`), ...args.map(quoted)].join(" ");
}
