import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolveMoto } from "../../../scripts/toolchain/resolve.js";
import { systemClock } from "../../../system/clock.js";
import { freePort } from "../../../system/net.js";
import { startProcess, stopProcess } from "../../../system/process.js";

/** An AWS of the tests' own: what is made in it is gone when it stops. */
export interface EmulatedAws {
  readonly endpoint: string;
  /** What makes an AWS SDK, in this process or another, talk to it and to nothing else. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Why there is no emulated AWS here; `undefined` when there is. Sync, since it decides which tests there are. */
export const noMoto = (): string | undefined =>
  resolveMoto() === undefined ? "moto is not installed: npm test does it where python3-venv and PyPI are" : undefined;

const longestStartMs = 120_000;

/** Settings of the person's own that would lead an SDK elsewhere; empty counts as not set. */
const ownSettings = ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"];

/** What makes an SDK talk to `endpoint` with keys that mean nothing, and look nowhere else for others, the metadata address above all. */
export const environmentFor = (endpoint: string): Record<string, string> => ({
  ...Object.fromEntries(ownSettings.map((name) => [name, ""])),
  AWS_ENDPOINT_URL: endpoint,
  AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
  AWS_SECRET_ACCESS_KEY: "of-the-tests-alone",
  AWS_REGION: "us-east-1",
  AWS_EC2_METADATA_DISABLED: "true",
  AWS_CONFIG_FILE: "/dev/null",
  AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
});

/** Starts an emulated AWS on a free loopback port. @param images in moto's form, the only ones that there are then */
export async function startMoto(images?: readonly object[]): Promise<EmulatedAws> {
  const moto = resolveMoto();
  if (moto === undefined) throw new Error(noMoto());
  const port = await freePort();
  const home = await mkdtemp(join(tmpdir(), "lf-moto-"));
  const imagesFile = join(home, "images.json");
  if (images) await writeFile(imagesFile, JSON.stringify(images));
  const own = { PATH: process.env["PATH"] ?? "", HOME: home, PYTHONPATH: moto.packages, MOTO_PORT: String(port) };
  const child = startProcess(moto.python, ["-m", "moto.server", "-H", "127.0.0.1", "-p", String(port)], {
    cwd: home,
    // its own environment: a person's keys are not its business
    env: { ...own, ...(images ? { MOTO_AMIS_PATH: imagesFile } : {}) },
  });
  const gone = once(child, "exit");
  const stop = async (): Promise<void> => {
    await stopProcess(child);
    await rm(home, { recursive: true, force: true });
  };
  const endpoint = `http://127.0.0.1:${port}`;
  for (const end = systemClock.now() + longestStartMs; systemClock.now() < end;) {
    if (await answers(endpoint)) return { endpoint, env: environmentFor(endpoint), stop };
    if (child.exitCode !== null || child.signalCode !== null) break;
    await Promise.race([systemClock.sleep(200), gone]);
  }
  await stop();
  throw new Error(`moto does not answer at ${endpoint}`);
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    return (await fetch(`${endpoint}/moto-api/data.json`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
