import { exitCodes } from "../supervisor/restart-policy.js";
import type { Unit } from "./unit.js";

/**
 * A unit as systemd reads it (systemd.service(5)). Pure. Exit codes mean what they mean to our own supervisor: 78 stays down, 0 was asked for,
 * anything else is started again.
 */
export function renderUnit(unit: Unit, run: { node: string; supervisor: string; spec: string }): string {
  const exec =
    unit.secret === null
      ? unit.command.map(quote).join(" ")
      : [run.node, run.supervisor, "--unit", run.spec].map(quote).join(" ");
  return [
    "[Unit]",
    `Description=${unit.description}`,
    "After=network-online.target",
    "Wants=network-online.target",
    "",
    "[Service]",
    `ExecStart=${exec}`,
    `WorkingDirectory=${unit.folder}`,
    ...Object.entries(unit.environment).map(([name, value]) => `Environment=${quote(`${name}=${value}`)}`),
    "Restart=on-failure",
    `RestartPreventExitStatus=${exitCodes.misconfigured}`,
    "RestartSec=2",
    "KillSignal=SIGTERM",
    "KillMode=mixed",
    `TimeoutStopSec=${Math.ceil(unit.stopTimeoutMs / 1000)}`,
    "NoNewPrivileges=yes",
    "LimitCORE=0",
    "UMask=0077",
    `StandardOutput=append:${unit.log}`,
    `StandardError=append:${unit.log}`,
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ].join("\n");
}

/** Quoting of systemd.syntax(7): specifiers and quotes mean themselves. */
const quote = (text: string): string =>
  `"${text.replace(/[\\"]/g, "\\$&").replace(/%/g, "%%").replace(/\$/g, "$$$$")}"`;
