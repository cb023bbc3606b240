import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Ground } from "../kills/ground.js";
import { exitOf, type RealWorker } from "../started.js";

/** One place where the worker's key is, and the process that runs there, if any. */
export interface Place {
  readonly worker: RealWorker;
  process: ChildProcess | null;
}

/** The places of a worker whose disk was copied, and what the operator says of its epoch. */
export interface Holders {
  readonly ground: Ground;
  places: Place[];
  epoch: number;
}

/** The place that serves between two rounds. */
export function servingPlace({ places: [first] }: Holders): Place {
  if (first === undefined) throw new Error("nobody serves");
  return first;
}

/** A copy of a place's disk, as it is at one moment. */
export async function copyOf(place: Place, folder: string): Promise<Place> {
  place.process?.kill("SIGSTOP");
  const worker = await place.worker.copy(folder);
  place.process?.kill("SIGCONT");
  return { worker, process: null };
}

export async function kill(place: Place): Promise<void> {
  const { process } = place;
  place.process = null;
  if (process === null) return;
  const ended = exitOf(process);
  process.kill("SIGCONT");
  process.kill("SIGKILL");
  await ended;
}

/** What a place's journal says was signed. Its process must have ended. */
export interface Signed {
  /** Signatures over answers, by job. */
  readonly answers: ReadonlyMap<string, string>;
  /** Hashes of transactions. */
  readonly transactions: ReadonlySet<string>;
}

export function signedAt({ worker }: Place): Signed {
  const path = join(worker.folder, "state", "journal.sqlite");
  if (!existsSync(path)) return { answers: new Map(), transactions: new Set() };
  const database = new DatabaseSync(path);
  try {
    const jobs = database.prepare("SELECT id, signature FROM jobs WHERE signature IS NOT NULL").all();
    const sent = database.prepare("SELECT hash FROM transactions").all();
    return {
      answers: new Map(jobs.map(({ id, signature }) => [id as string, signature as string])),
      transactions: new Set(sent.map(({ hash }) => hash as string)),
    };
  } finally {
    database.close();
  }
}
