import { readFileSync } from "node:fs";
import { privateKeyToAddress } from "viem/accounts";
import { type EncryptionKeyPair, encryptionKeyPair } from "../../protocol/encryption-key.js";
import { workerSecretSchema, type WorkerSecret } from "../../schema/secrets.js";
import type { Settings } from "../../schema/settings.js";
import type { Hex } from "../../schema/units.js";
import { badCommandLine, badSecret, secretMismatch } from "../startup/refusals.js";

/** Where the secret comes from: a pipe that the supervisor filled, or a credential file. */
export type SecretSource = { readonly fd: number } | { readonly path: string };

/** What the sidecar was trusted with. The signing key goes straight into a signer, and nowhere else. */
export interface Credentials {
  readonly secret: Omit<WorkerSecret, "signingKey" | "encryptionKey">;
  readonly signingKey: Hex;
  readonly encryption: EncryptionKeyPair;
}

/** Reads `fd:3` or `file:/path`. @throws StartRefused LF1450 */
export function parseSecretSource(text: string): SecretSource {
  const fd = /^fd:([3-9])$/.exec(text)?.[1];
  if (fd !== undefined) return { fd: Number(fd) };
  const path = /^file:(\/.+)$/.exec(text)?.[1];
  if (path !== undefined) return { path };
  throw badCommandLine(`--secrets is neither fd:N nor file:/PATH: ${text}`);
}

/**
 * Reads the secret once, to the end of the pipe or file, and checks that it belongs to these settings. The bytes read are zeroed.
 * @throws StartRefused LF1452, LF1453
 */
export function readCredentials(source: SecretSource, settings: Settings): Credentials {
  const from = "fd" in source ? `fd:${source.fd}` : source.path;
  const { signingKey, encryptionKey, ...secret } = readSecret(source, from);
  requireSame("worker", settings.address, secret.address);
  requireSame("host", settings.host, secret.host);
  requireSame("chain", String(settings.network.chainId), String(secret.chainId));
  requireSame("WorkerRegistry", settings.network.contracts.workerRegistry, secret.workerRegistry);
  requireSame("worker", settings.address, addressOf(signingKey, from));
  return { secret, signingKey, encryption: keyPairOf(encryptionKey, from) };
}

function readSecret(source: SecretSource, from: string): WorkerSecret {
  let bytes: Buffer;
  try {
    bytes = readFileSync("fd" in source ? source.fd : source.path);
  } catch (error) {
    throw badSecret(from, `it cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`);
  }
  try {
    return workerSecretSchema.parse(JSON.parse(bytes.toString("utf8")));
  } catch {
    throw badSecret(from, bytes.length === 0 ? "it is empty" : "it is not a worker's secret of this version");
  } finally {
    bytes.fill(0);
  }
}

function requireSame(what: string, inSettings: string, inSecret: string): void {
  if (inSettings !== inSecret) throw secretMismatch(what, inSettings, inSecret);
}

function addressOf(signingKey: Hex, from: string): string {
  try {
    return privateKeyToAddress(signingKey);
  } catch {
    throw badSecret(from, "its signing key is none");
  }
}

function keyPairOf(encryptionKey: Hex, from: string): EncryptionKeyPair {
  const scalar = Buffer.from(encryptionKey.slice(2), "hex");
  try {
    return encryptionKeyPair(scalar);
  } catch {
    throw badSecret(from, "its encryption key is none");
  } finally {
    scalar.fill(0);
  }
}
