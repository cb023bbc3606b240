import { DatabaseSync } from "node:sqlite";
import type { Clock } from "./clock.js";

/** A lock that is held until released, or until this process is gone: the kernel drops it then, so none is ever stale. */
export interface HeldLock {
  release(): void;
}

/**
 * Tries once to take the lock that the file stands for, across processes and checkouts on this machine.
 *
 * The file is an SQLite database in an exclusive transaction: its byte-range locks belong to the process, survive nothing, and need no
 * clock. The file itself stays: deleting a lock file is how two holders are made.
 */
export function tryLock(path: string): HeldLock | undefined {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA busy_timeout = 0");
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
  return { release: () => database.close() };
}

/** Waits for the lock, at most `waitMs`. @returns `undefined` when another holder kept it that long */
export async function lock(path: string, waitMs: number, clock: Clock): Promise<HeldLock | undefined> {
  const end = clock.now() + waitMs;
  for (;;) {
    const held = tryLock(path);
    if (held) return held;
    if (clock.now() >= end) return undefined;
    await clock.sleep(50);
  }
}

const SQLITE_BUSY = 5;
const isBusy = (error: unknown): boolean =>
  error instanceof Error && "errcode" in error && (error as { errcode: unknown }).errcode === SQLITE_BUSY;
