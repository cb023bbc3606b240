import { FleetError } from "../../schema/errors.js";
import type { ExitCode } from "../../system/exit.js";

/** Why a sidecar does not start. `exit` tells the supervisor whether starting it again can help. */
export class StartRefused extends FleetError {
  constructor(
    readonly exit: Extract<ExitCode, 75 | 78>,
    code: `LF145${number}`,
    summary: string,
    fix: string,
    cause?: unknown,
  ) {
    super(code, summary, cause === undefined ? { fix } : { fix, cause });
  }
}

const redeploy = "run `pulumi up`: it writes settings and secret anew and starts the service again.";

/** LF1450: the command line is not what the sidecar takes. */
export const badCommandLine = (reason: string): StartRefused =>
  new StartRefused(78, "LF1450", `${reason}.`, "start it as `node main.js --settings FILE --secrets fd:3|file:PATH`.");

/** LF1451: the settings file is missing, or not in order. */
export const badSettings = (path: string, reason: string, cause?: unknown): StartRefused =>
  new StartRefused(78, "LF1451", `The settings in ${path} cannot be used: ${reason}.`, redeploy, cause);

/** LF1452: no usable secret came in. The reason never repeats any of it. */
export const badSecret = (from: string, reason: string): StartRefused =>
  new StartRefused(78, "LF1452", `The secret from ${from} cannot be used: ${reason}.`, redeploy);

/** LF1453: settings and secret speak of different workers, networks or hosts. */
export const secretMismatch = (what: string, settings: string, secret: string): StartRefused =>
  new StartRefused(78, "LF1453", `The settings name ${what} ${settings}, but the secret is for ${secret}.`, redeploy);

/** LF1454: another process already holds this state folder. */
export const alreadyRunning = (stateFolder: string): StartRefused =>
  new StartRefused(
    75,
    "LF1454",
    `Another sidecar holds ${stateFolder}.`,
    "stop the other one, or wait until it has ended.",
  );

/** LF1455: the worker is registered with another encryption key than the one this sidecar opens sessions with. */
export const keyNotRegistered = (worker: string): StartRefused =>
  new StartRefused(
    78,
    "LF1455",
    `Worker ${worker} is registered with another encryption key than the one sealed for this host.`,
    "restore the right keys from the backup (`npx fleet keys restore --store <url> --with <file>`); the key of a registered worker cannot be changed.",
  );

/** LF1456: the secret is older than the epoch this journal has served under. */
export const olderEpoch = (secret: number, served: number): StartRefused =>
  new StartRefused(
    78,
    "LF1456",
    `The secret is for epoch ${secret}, but this host has served under epoch ${served} already.`,
    redeploy,
  );
