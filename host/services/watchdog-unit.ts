import { dirname } from "node:path";
import { silentExit } from "../supervisor/answers.js";
import { hardening } from "./hardening.js";
import { commandLine, mountPath, plain } from "./systemd-text.js";
import type { UnitSurroundings } from "./systemd-unit.js";
import type { Unit } from "./unit.js";

/** Names of a watched service and of the two units that watch it. */
export interface WatchNames {
  readonly service: string;
  readonly look: string;
  readonly timer: string;
}

/**
 * The timer and the look that are a service's watchdog. Node cannot speak sd_notify (it has no datagram sockets of Unix), and a `systemd-notify` a tick would be a
 * process a tick; and what says "I live" from within need not be what answers. So it is asked from outside, as its own user, on the socket that everybody asks.
 * Only systemd acts on the outcome. Pure.
 */
export function renderWatchdog(
  unit: Unit & { readonly watchdog: NonNullable<Unit["watchdog"]> },
  names: WatchNames,
  around: UnitSurroundings,
): { look: string; timer: string } {
  const { seconds, state } = unit.watchdog;
  const ask = [around.node, around.supervisor, "--answers", state, "--within", String(seconds)];
  const look = [
    "[Unit]",
    `Description=${plain(unit.description)} answers`,
    `After=${names.service}`,
    "",
    "[Service]",
    "Type=oneshot",
    ...(unit.user === undefined ? [] : [`User=${plain(unit.user)}`, `Group=${plain(unit.user)}`]),
    `ExecStart=${commandLine(ask)}`,
    `SuccessExitStatus=${silentExit}`,
    // One that is only being stopped finishes its jobs: it is not `active` any more.
    `ExecStopPost=${commandLine(["/bin/sh", "-c", killIfSilent(names.service)], true)}`,
    `TimeoutStartSec=${seconds + 30}`,
    ...around.veils.map((folder) => `TemporaryFileSystem=${mountPath(folder)}:ro`),
    `BindReadOnlyPaths=${mountPath(dirname(around.supervisor))}`,
    `BindReadOnlyPaths=${mountPath(state)}`,
    "PrivateNetwork=yes",
    ...hardening({ kind: "sidecar", hasRootParent: false, needsHome: /^\/(home|root|run\/user)\//.test(state) }),
    "",
  ];
  const timer = [
    "[Unit]",
    `Description=looks whether ${plain(unit.description)} answers`,
    `PartOf=${names.service}`,
    "",
    "[Timer]",
    `OnActiveSec=${2 * seconds}`, // a start takes its time
    `OnUnitInactiveSec=${seconds}`,
    "AccuracySec=1",
    `Unit=${names.look}`,
    "",
  ];
  return { look: look.join("\n"), timer: timer.join("\n") };
}

const killIfSilent = (service: string): string =>
  `[ "$EXIT_STATUS" = ${silentExit} ] && systemctl is-active --quiet ${service} && systemctl kill --signal=KILL ${service}; exit 0`;
