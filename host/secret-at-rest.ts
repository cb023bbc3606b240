import { readFile, rm } from "node:fs/promises";
import { openSealedForHost } from "../keystore/sealing.js";
import { toJson } from "../schema/json.js";
import { readIfPresent, writeAtomically } from "../system/files.js";
import { presentPublicKey, readHostKey } from "./host-key.js";
import type { Layout, WorkerLayout } from "./layout.js";
import { sealedFileSchema, type SealedFile } from "./sealed-file.js";
import { CredentialUnusable } from "./services/credentials.js";
import type { CredentialStore } from "./services/unit.js";

/*
 * A worker's secret rests on one of two rungs. Where systemd encrypts credentials, as one: for this machine's TPM 2 and its own secret, and no process but the sidecar
 * ever holds it. Else sealed to the host's key file, as it came, and opened at each start by a parent process. `sealed.json` says which, whose, and under which epoch.
 */

/** What `sealed.json` says; `undefined` when no secret is kept. */
export async function keptSecret(place: WorkerLayout): Promise<SealedFile | undefined> {
  const text = await readIfPresent(place.sealed);
  return text === undefined ? undefined : sealedFileSchema.parse(JSON.parse(text));
}

/** A box that was sealed to this host, and what it is bound to. */
export type Box = Pick<SealedFile, "address" | "epoch" | "sealed"> & { readonly host: string };

/** Lays a box to rest on the best rung that there is. The folder must exist. */
export async function layToRest(
  layout: Layout,
  place: WorkerLayout,
  box: Box,
  credentials: CredentialStore | undefined,
): Promise<void> {
  const { address, epoch, sealed } = box;
  if (credentials === undefined) {
    await writeAtomically(place.sealed, toJson({ version: 1, address, epoch, sealed } satisfies SealedFile), "private");
    await rm(place.credential, { force: true });
    return;
  }
  const sealKey = (await presentPublicKey(layout)) ?? "";
  await writeAtomically(place.credential, await encrypted(layout, box, credentials), "private");
  const kept: SealedFile = { version: 1, address, epoch, sealed: "", credential: { sealKey } };
  await writeAtomically(place.sealed, toJson(kept), "private"); // last: until then the former epoch's is asked for again
}

async function encrypted(layout: Layout, { host, address, epoch, sealed }: Box, to: CredentialStore): Promise<string> {
  const key = await readHostKey(layout.hostKey);
  try {
    const { payload } = openSealedForHost(key, { host, address, epoch }, sealed);
    try {
      return await to.encrypt(payload);
    } finally {
      payload.fill(0);
    }
  } finally {
    key.fill(0);
  }
}

/**
 * Whether what is kept can still be used: a box, or a credential that this machine decrypts and that was given to the host's present key.
 * @returns why not
 */
export async function whyUnusable(
  layout: Layout,
  place: WorkerLayout,
  kept: SealedFile,
  credentials: CredentialStore | undefined,
): Promise<string | undefined> {
  if (kept.credential === undefined) return undefined;
  if (credentials === undefined) return "systemd decrypts none here any more";
  if (kept.credential.sealKey !== (await presentPublicKey(layout))) return "it was given to another key of this host";
  if (await credentials.opens(place.credential)) return undefined;
  return (await isThere(place.credential)) ? "this machine cannot decrypt it any more" : "its file is missing";
}

/** @throws CredentialUnusable LF1342 */
export async function requireUsable(worker: string, ...rest: Parameters<typeof whyUnusable>): Promise<void> {
  const why = await whyUnusable(...rest);
  if (why !== undefined) throw new CredentialUnusable(worker, why);
}

/** Takes a worker's secret away, whichever rung it is on. */
export async function forgetSecret(place: WorkerLayout): Promise<void> {
  await rm(place.sealed, { force: true });
  await rm(place.credential, { force: true });
}

const isThere = (path: string): Promise<boolean> =>
  readFile(path).then(
    () => true,
    () => false,
  );
