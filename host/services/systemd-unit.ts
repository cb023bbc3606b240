import { dirname } from "node:path";
import { exitCodes, firstPauseMs } from "../supervisor/restart-policy.js";
import { credentialName } from "./credentials.js";
import { hardening } from "./hardening.js";
import { commandLine, mountPath, plain, quoted } from "./systemd-text.js";
import type { Unit } from "./unit.js";

/** What a unit needs to know of its surroundings. */
export interface UnitSurroundings {
  /** Node and the supervisor's file, for a unit with a secret. */
  readonly node: string;
  readonly supervisor: string;
  /** The unit as JSON, for the same. */
  readonly spec: string;
  /** Units that are started before this one, and so are stopped after it. */
  readonly after: readonly string[];
  /** Units that are started with this one. Default: none. */
  readonly with?: readonly string[];
  /** Folders that a sandboxed unit finds empty but for what it is given of them. */
  readonly veils: readonly string[];
}

/**
 * A unit as systemd reads it (systemd.service(5), systemd.exec(5), systemd.syntax(7)). Pure. Exit codes mean what they mean to our own supervisor: 78
 * stays down, 0 was asked for, anything else is started again.
 * @throws NotForSystemd LF1339
 */
export function renderUnit(unit: Unit, around: UnitSurroundings): string {
  const alongside = around.with ?? [];
  return [
    "[Unit]",
    `Description=${plain(unit.description)}`,
    // a service that starts before the driver runs on the CPU for ever (ollama/ollama issue 7669)
    `After=${["network-online.target", "systemd-modules-load.service", "nvidia-persistenced.service", ...around.after].join(" ")}`,
    `Wants=${["network-online.target", ...alongside].join(" ")}`,
    ...journalDisk(unit),
    "StartLimitIntervalSec=0", // never given up: whoever holds an open session must answer
    "",
    "[Service]",
    "Type=exec",
    ...beforeStart(unit, around),
    `ExecStart=${commandLine(unit.secret === null ? unit.command : parentOf(around))}`,
    `WorkingDirectory=${plain(unit.folder)}`,
    ...environment(unit),
    "Restart=on-failure",
    `RestartPreventExitStatus=${exitCodes.misconfigured}`,
    `RestartSec=${firstPauseMs / 1000}`,
    // systemd 254 and newer; older ones ignore both. A short limit, since it forgets no failure however long ago (systemd issue 43813)
    "RestartSteps=4",
    "RestartMaxDelaySec=15",
    "KillSignal=SIGTERM",
    "KillMode=mixed",
    `TimeoutStopSec=${Math.ceil(unit.stopTimeoutMs / 1000)}`,
    ...confinement(unit, around),
    `StandardOutput=append:${plain(unit.log)}`,
    `StandardError=append:${plain(unit.log)}`,
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ].join("\n");
}

/**
 * A worker's journal may be on a disk of its own, without which it must not run. Not for Ollama, whose working directory says the same: a line more in its unit would restart
 * it, and load its models anew, below workers that serve.
 */
const journalDisk = ({ sandbox, folder }: Unit): string[] =>
  sandbox === "ollama" ? [] : [`RequiresMountsFor=${quoted(folder)}`];

/** A parent that opens a secret hands the environment on and has none of it: it is root's, and must not load compiled code that its child may write. */
const environment = ({ environment, secret }: Unit): string[] =>
  secret === null
    ? Object.entries(environment).map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`)
    : [];

/** The parent that opens a sealed secret. */
const parentOf = ({ node, supervisor, spec }: UnitSurroundings): string[] => [node, supervisor, "--unit", spec];

/** What root does in front of each start: a copied host starts nothing, and everything in the unit's folders is its user's, whoever made it. */
function beforeStart({ user, credential, writable = [] }: Unit, { node, supervisor }: UnitSurroundings): string[] {
  const isOriginal =
    credential === undefined
      ? []
      : ["/usr/bin/env", "-i", node, supervisor, "--here", credential.hostKey, credential.sealKey];
  const takeOver =
    user === undefined || writable.length === 0
      ? []
      : ["/bin/chown", "-R", "--no-dereference", `${user}:${user}`, "--", ...writable];
  return [
    ...(isOriginal.length === 0 ? [] : [`ExecCondition=${commandLine(isOriginal, true)}`]),
    ...(takeOver.length === 0 ? [] : [`ExecStartPre=${commandLine(takeOver, true)}`]),
    ...(credential === undefined ? [] : [`LoadCredentialEncrypted=${credentialName}:${plain(credential.file)}`]),
  ];
}

function confinement(unit: Unit, around: UnitSurroundings): readonly string[] {
  const limits = [
    ...(unit.memoryMaxBytes === undefined ? [] : [`MemoryMax=${unit.memoryMaxBytes}`]),
    ...(unit.tasksMax === undefined ? [] : [`TasksMax=${unit.tasksMax}`]),
  ];
  if (unit.sandbox === undefined) return ["NoNewPrivileges=yes", "LimitCORE=0", "UMask=0077", ...limits];
  const hasRootParent = unit.secret !== null;
  const { readable, writable } = boundPaths(unit, around);
  const isHome = (path: string): boolean => /^\/(home|root|run\/user)(\/|$)/.test(path);
  return [
    ...(unit.user === undefined || hasRootParent ? [] : [`User=${plain(unit.user)}`, `Group=${plain(unit.user)}`]),
    ...limits,
    // Of the host's folder it finds nothing but what it is given, so that no mode has to keep it from anything there.
    ...around.veils.map((folder) => `TemporaryFileSystem=${mountPath(folder)}:ro`),
    ...readable.map((path) => `BindReadOnlyPaths=${mountPath(path)}`),
    ...writable.map((path) => `BindPaths=${mountPath(path)}`),
    ...hardening({ kind: unit.sandbox, hasRootParent, needsHome: [...readable, ...writable].some(isHome) }),
  ];
}

/** Root's commands are in the unit's namespace too. What they alone may read is closed to the unit's user by its mode. */
function boundPaths(unit: Unit, { spec, supervisor }: UnitSurroundings): { readable: string[]; writable: string[] } {
  const { readable = [], writable = [], secret, credential } = unit;
  const hostKey = secret?.hostKey ?? credential?.hostKey;
  const ofRoot = [
    ...(hostKey === undefined ? [] : [dirname(supervisor), hostKey, `${hostKey}.place`]),
    ...(secret === null ? [] : [secret.sealed, spec]),
  ];
  return { readable: [...new Set([...readable, ...ofRoot])], writable: [...writable] };
}
