import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { FleetError } from "../../schema/errors.js";
import { writeAtomically } from "../../system/files.js";
import { runProcess, startProcess } from "../../system/process.js";
import type { CredentialStore } from "./unit.js";

/** LF1342: a secret that systemd had encrypted for this machine can be opened here no more. */
export class CredentialUnusable extends FleetError {
  constructor(worker: string, why: string, cause?: unknown) {
    super("LF1342", `The secret of worker ${worker} rests as a systemd credential, and ${why}.`, {
      fix: "pulumi up, which seals it anew.",
      cause,
    });
  }
}

/** The credential's name, which systemd binds into what it encrypts. */
export const credentialName = "secret";
const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };

/** Where a service finds its credential (systemd.exec(5), "Credentials"). Pure. */
export const credentialPath = (service: string): string => `/run/credentials/${service}/${credentialName}`;

/** The version that `systemctl --version` says. 0 when it says none. Pure. */
export const systemdVersion = (text: string): number => Number(/^systemd (\d+)/.exec(text)?.[1] ?? 0);

/** The first systemd with encrypted credentials. */
const firstWithCredentials = 250;

/**
 * systemd's encrypted credentials (systemd-creds(1)): for this machine's TPM 2 where there is one, and for its `/var/lib/systemd/credential.secret`. Not bound to
 * what the machine booted: a firmware update must not leave a staked worker without its key. `undefined` where a secret encrypted so does not reach a service, which
 * one is started to find out: in some containers systemd-creds works and the service gets nothing.
 * @param probe name for the service of that trial
 */
export async function openCredentialStore(
  probe: string,
  serviceOf: (unit: string) => string,
): Promise<CredentialStore | undefined> {
  const told = await runProcess("systemctl", ["--version"], { env });
  if (systemdVersion(told.stdout) < firstWithCredentials) return undefined;
  const trial = `/run/${probe}-${randomBytes(6).toString("hex")}.cred`;
  try {
    await writeAtomically(trial, await encrypt(randomBytes(32)), "private");
    if (!(await arrives(trial, `${probe}.service`))) return undefined;
  } catch {
    return undefined;
  } finally {
    await rm(trial, { force: true });
  }
  return { encrypt, opens, pathFor: (unit) => credentialPath(serviceOf(unit)) };
}

async function encrypt(secret: Uint8Array): Promise<string> {
  const args = ["--tpm2-pcrs=", `--name=${credentialName}`, "encrypt", "-", "-"];
  const ended = await runProcess("systemd-creds", args, { env, input: secret });
  if (ended.code !== 0 || ended.stdout === "") throw new Error(`systemd-creds failed: ${ended.stderr.trim()}`);
  return ended.stdout;
}

/** The plain text is looked at by nobody: it goes nowhere. */
async function opens(file: string): Promise<boolean> {
  const child = startProcess("systemd-creds", [`--name=${credentialName}`, "decrypt", file, "-"], { env });
  const [code] = (await Promise.race([once(child, "exit"), once(child, "error").then(() => [1])])) as [number | null];
  return code === 0;
}

/** Whether a service that runs as nobody gets it. */
async function arrives(file: string, service: string): Promise<boolean> {
  const properties = ["Type=oneshot", `LoadCredentialEncrypted=${credentialName}:${file}`, "User=65534"];
  const settings = properties.flatMap((property) => ["-p", property]);
  const look = ["test", "-s", credentialPath(service)];
  const args = ["--quiet", "--collect", `--unit=${service}`, ...settings, ...look];
  return (await runProcess("systemd-run", args, { env })).code === 0;
}
