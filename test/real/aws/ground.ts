import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";
import { openSecretsManagerStore } from "../../../keystore/secrets-manager-store.js";
import type { SecretStore } from "../../../keystore/store.js";
import { systemClock } from "../../../system/clock.js";

/** Makes this process's SDK see an environment, until the test file ends. */
export function useEnvironment(env: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
}

/** A folder that is gone when the test is. */
export async function folderOfTest(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lf-aws-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

let prefixes = 0;

/** A store that nobody used yet, as machines see it that share nothing but AWS. */
export async function freshStore(options: { region?: string; kms?: string } = {}): Promise<{
  readonly prefix: string;
  readonly folder: string;
  readonly store: SecretStore;
  /** The same store in the same folder, as another process of this machine opens it. */
  readonly again: () => SecretStore;
  /** The same store as another machine opens it. */
  readonly elsewhere: () => Promise<SecretStore>;
}> {
  const folder = await folderOfTest();
  const prefix = `test/${++prefixes}`;
  const place = { region: options.region ?? "us-east-1", prefix, kms: options.kms ?? null };
  const open = (at: string): SecretStore => openSecretsManagerStore(place, systemClock, { folder: at });
  const again = (): SecretStore => open(folder);
  return { prefix, folder, store: again(), again, elsewhere: async () => open(await folderOfTest()) };
}
