import { lstatSync } from "node:fs";
import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { z } from "zod";
import { openSealedForHost, sealForHost } from "../keystore/sealing.js";
import { FleetError } from "../schema/errors.js";
import type { hostVerbs } from "../schema/host.js";
import { journalName } from "../system/control-client.js";
import { ensureFolder, writeAtomically } from "../system/files.js";
import { readHostKey } from "./host-key.js";
import type { Layout } from "./layout.js";
import { holdState } from "./state-hold.js";

/*
 * A worker that moves takes its journal along: what it signed, what it answered, and what it still has to settle. It leaves one host and reaches the other sealed to the
 * latter's key, and nothing else on the way can open it.
 */

/** LF1316: a journal was to be given away, or put in place, while a sidecar writes it. */
export class JournalInUse extends FleetError {
  constructor(worker: string, state: string) {
    super("LF1316", `The journal of worker ${worker} cannot be moved: a process holds ${state}.`, {
      fix: "wait until it has ended, then pulumi up again.",
    });
  }
}
/** LF1317: what was to be a journal does not open here, or is none. */
export class JournalUnopened extends FleetError {
  constructor(worker: string, cause: unknown) {
    super("LF1317", `The journal that was sent for worker ${worker} was not sealed for this host, or is damaged.`, {
      fix: "pulumi up again.",
      cause,
    });
  }
}

type Verb<V extends "giveJournal" | "takeJournal"> = {
  readonly request: z.infer<(typeof hostVerbs)[V]["request"]>;
  readonly reply: z.infer<(typeof hostVerbs)[V]["reply"]>;
};

/** Seals a stopped worker's journal to the host that will serve with it. @throws JournalInUse LF1316 */
export async function giveJournal(
  layout: Layout,
  { worker, address, to }: Verb<"giveJournal">["request"],
): Promise<Verb<"giveJournal">["reply"]> {
  const { state, folder } = layout.worker(worker);
  return aside(worker, state, async () => {
    const path = join(state, journalName);
    if (!isFile(path)) return { sealed: null, why: "there is none" };
    const journal = await inCopy(folder, copyOf(path), wholeIn);
    if (journal === undefined) return { sealed: null, why: "it is damaged" };
    const { host, epoch, sealKey } = to;
    const target = { hostPublicKey: Buffer.from(sealKey, "hex"), host, epoch, address };
    return { sealed: sealForHost(target, await promisify(gzip)(journal), "journal"), why: null };
  });
}

/** Puts a journal in place, unless the one that is here has come further. @throws JournalInUse LF1316, JournalUnopened LF1317 */
export async function takeJournal(
  layout: Layout,
  request: Verb<"takeJournal">["request"],
): Promise<Verb<"takeJournal">["reply"]> {
  const { state, folder } = layout.worker(request.worker);
  const content = await opened(layout, request);
  await ensureFolder(folder, "private");
  await ensureFolder(state, "private");
  return aside(request.worker, state, async () => {
    const path = join(state, journalName);
    const there = isFile(path) ? await inCopy(folder, copyOf(path), epochIn) : undefined;
    const brought = await inCopy(folder, (file) => writeAtomically(file, content, "private"), epochIn);
    if (brought === undefined) throw new JournalUnopened(request.worker, "it is no whole journal");
    // Under one epoch there is one journal: whatever is here was served with after it had been brought.
    if (there !== undefined && there >= brought) return { changed: false };
    for (const rest of ["-wal", "-shm"]) await rm(path + rest, { force: true });
    await writeAtomically(path, content, "private");
    return { changed: true };
  });
}

/** Does something with a state folder while no sidecar can. */
async function aside<T>(worker: string, state: string, work: () => Promise<T>): Promise<T> {
  const held = holdState(state);
  if (held === "another's") throw new JournalInUse(worker, state);
  try {
    return await work();
  } finally {
    held.release();
  }
}

async function opened(layout: Layout, request: Verb<"takeJournal">["request"]): Promise<Buffer> {
  const { worker, host, address, epoch, sealed } = request;
  const key = await readHostKey(layout.hostKey);
  try {
    return await promisify(gunzip)(openSealedForHost(key, { host, address, epoch }, sealed, "journal").payload);
  } catch (error) {
    throw new JournalUnopened(worker, error);
  } finally {
    key.fill(0);
  }
}

/** With what its write-ahead log holds. */
const copyOf =
  (path: string) =>
  async (file: string): Promise<void> => {
    await copyFile(path, file);
    if (isFile(`${path}-wal`)) await copyFile(`${path}-wal`, `${file}-wal`);
  };

/**
 * Looks into a journal that is made for it, in a folder that nobody but us can reach: the original's is its sidecar's own.
 * @returns `undefined` when it is damaged
 */
async function inCopy<T>(
  beside: string,
  make: (file: string) => Promise<void>,
  read: Reader<T>,
): Promise<T | undefined> {
  const folder = await mkdtemp(join(beside, ".journal-"));
  try {
    const file = join(folder, journalName);
    await make(file);
    return await sound(file, read);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
type Reader<T> = (database: DatabaseSync, file: string) => T | Promise<T>;

async function sound<T>(file: string, read: Reader<T>): Promise<T | undefined> {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file);
    const check = database.prepare("PRAGMA quick_check(1)").get();
    return check?.["quick_check"] === "ok" ? await read(database, file) : undefined;
  } catch (error) {
    if (error instanceof Error && "errcode" in error) return undefined; // SQLite's own word on the file
    throw error;
  } finally {
    if (database?.isOpen === true) database.close();
  }
}

/** The file with everything that its log held. */
async function wholeIn(database: DatabaseSync, file: string): Promise<Buffer> {
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
  return readFile(file);
}

/** The newest epoch that a journal was served with; 0: none. */
const epochIn = (database: DatabaseSync): number =>
  Number(database.prepare("SELECT value FROM facts WHERE name = 'epoch'").get()?.["value"] ?? 0);

/** The folder is the sidecar's own: what it put there under a journal's name is not followed. */
const isFile = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
