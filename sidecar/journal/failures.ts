import { FleetError } from "../../schema/errors.js";

/** LF1401: another process has the journal open. One key has one sender. */
export class JournalInUse extends FleetError {
  constructor(path: string, cause: unknown) {
    super("LF1401", `The journal ${path} is open in another process: a sidecar for this worker is running already.`, {
      fix: "stop the other sidecar, or leave it be; `npx fleet status` shows it.",
      cause,
    });
  }
}

/** LF1402: the journal was written for another worker, network or deployment of the contracts. */
export class JournalOfAnother extends FleetError {
  constructor(path: string, field: string, expected: string, found: string) {
    super("LF1402", `The journal ${path} is that of another ${field} (${found}, not ${expected}).`, {
      fix: `give this worker a stateFolder of its own; never delete a journal whose worker may have open jobs.`,
    });
  }
}

/** LF1403: the journal's file is no sound database. */
export class JournalDamaged extends FleetError {
  constructor(path: string, cause: unknown) {
    super("LF1403", `The journal ${path} is damaged.`, {
      fix: `keep the file for examination (mv ${path} ${path}.damaged) and start again: the sidecar then stands by until the chain's nonce is confirmed, and runs no earlier job a second time.`,
      cause,
    });
  }
}

/** LF1404: the journal cannot be written. Nothing that would have had to be written first was done. */
export class JournalUnwritable extends FleetError {
  constructor(path: string, cause: unknown) {
    super(
      "LF1404",
      `The journal ${path} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}.`,
      {
        fix: `free space on the disk of ${path} and see that its folder belongs to the sidecar's user; it goes on by itself.`,
        cause,
      },
    );
  }
}

/** Runs a piece of work on the database and gives SQLite's own failures their code; everything else passes. */
export function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw coded(path, error);
  }
}

/** Primary result codes, https://www.sqlite.org/rescode.html */
const busy = [5, 6];
const damaged = [11, 26];
const unwritable = [8, 10, 13, 14];

function coded(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return error;
  const code = error.errcode & 0xff;
  if (busy.includes(code)) return new JournalInUse(path, error);
  if (damaged.includes(code)) return new JournalDamaged(path, error);
  if (unwritable.includes(code)) return new JournalUnwritable(path, error);
  return error;
}
