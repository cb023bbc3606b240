import { FleetError } from "../schema/errors.js";
import { isDiskFull } from "../system/disk.js";
import type { RecordRef } from "./store.js";

/** LF1101: a record of this name exists and is still in use. */
export class RecordExists extends FleetError {
  constructor(
    readonly ref: RecordRef,
    store: string,
  ) {
    super("LF1101", `${store} already holds ${ref}.`, {
      fix: "give the worker another name, or import the existing record instead of creating it.",
    });
  }
}

/** LF1102: there is no such record. */
export class RecordMissing extends FleetError {
  constructor(
    readonly ref: RecordRef,
    store: string,
  ) {
    super("LF1102", `${store} holds no ${ref}.`, {
      fix: "check the store's address and the worker's name; if the disk was lost, restore the record from its backup.",
    });
  }
}

/** LF1103: the record is whole, but another passphrase sealed it. */
export class WrongPassphrase extends FleetError {
  constructor(
    readonly ref: RecordRef,
    store: string,
  ) {
    super("LF1103", `The passphrase does not open ${ref} in ${store}.`, {
      fix: "set LIGHTCHAIN_PASSPHRASE_FILE to the file with the passphrase that this store was made with.",
    });
  }
}

/** LF1104: the record's file is not what was written. */
export class RecordDamaged extends FleetError {
  constructor(
    readonly ref: RecordRef,
    place: string,
    what: string,
    cause?: unknown,
  ) {
    super("LF1104", `The record ${ref} in ${place} is damaged: ${what}.`, {
      fix: "keep the file as it is for later, and restore the record from its backup.",
      cause,
    });
  }
}

/** LF1105: somebody else changed the record since it was read. */
export class VersionConflict extends FleetError {
  constructor(
    readonly ref: RecordRef,
    readonly expected: number,
    readonly found: number,
  ) {
    super("LF1105", `${ref} was changed meanwhile: version ${found} instead of ${expected}.`, {
      fix: "run the command again; it reads the record anew.",
    });
  }
}

/** LF1106: another process works with the record and did not finish in time. */
export class RecordLocked extends FleetError {
  constructor(
    readonly ref: RecordRef,
    store: string,
    waitedMs: number,
  ) {
    super("LF1106", `Another process has held ${ref} in ${store} for more than ${Math.ceil(waitedMs / 1000)} s.`, {
      fix: "let the other command finish, or end it, and run this one again.",
    });
  }
}

/** LF1107: a backup does not open: damaged, or sealed to another recovery key. */
export class BackupUnreadable extends FleetError {
  constructor(what: string, cause?: unknown) {
    super("LF1107", `The backup cannot be read: ${what}.`, {
      fix: "use the recovery key that the backup was made for, and the backup's text exactly as it was written.",
      cause,
    });
  }
}

/** LF1108: the store's folder cannot be written to. */
export class StoreNotWritable extends FleetError {
  constructor(
    readonly folder: string,
    cause: unknown,
  ) {
    const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
    const isFull = isDiskFull(cause);
    super("LF1108", `The key store ${folder} cannot be written to${isFull ? ": its disk is full" : code}.`, {
      fix: isFull
        ? `df -h ${folder}; free space there, then run the same command again: it goes on where it stopped.`
        : `make ${folder} a folder that belongs to you, or name another store; then run the same command again.`,
      cause,
    });
  }
}

/** LF1109: there is no passphrase to open or seal records with. */
export class PassphraseMissing extends FleetError {
  constructor(what: string, cause?: unknown) {
    super("LF1109", `There is no passphrase for the key store: ${what}.`, {
      fix: "write it to a file of mode 0600 and set LIGHTCHAIN_PASSPHRASE_FILE to the file's path.",
      cause,
    });
  }
}

/** LF1110: nothing here knows this kind of store. */
export class UnknownStore extends FleetError {
  constructor(readonly url: string) {
    super("LF1110", `"${url}" names no key store this version knows.`, {
      fix: 'use "file:" and an absolute path, for instance file:/home/me/.lightchain/keys; or "aws-sm:", a region and a prefix, for instance aws-sm:us-east-1/lightchain.',
    });
  }
}

/** LF1111: others on this machine may read the passphrase. */
export class PassphraseExposed extends FleetError {
  constructor(readonly path: string) {
    super("LF1111", `Others on this machine may read the passphrase file ${path}.`, { fix: `chmod 600 ${path}` });
  }
}

/** LF1112: what was given as a private key is none. Its text is never shown. */
export class InvalidPrivateKey extends FleetError {
  constructor(what: string) {
    super("LF1112", `The treasury's private key cannot be used: ${what}.`, {
      fix: "give a file that holds nothing but the key: 64 hex digits, with or without 0x.",
    });
  }
}

/** LF1114: what was given as a half of a recovery key is none. A secret half is never shown. */
export class RecoveryKeyUnusable extends FleetError {
  constructor(half: "public" | "secret", what: string) {
    super("LF1114", `The recovery key's ${half} half cannot be used: ${what}.`, {
      fix:
        half === "public"
          ? "give the line that `npx fleet keys new-recovery-key` printed."
          : "give the file that `npx fleet keys new-recovery-key` wrote.",
    });
  }
}

/** LF1115: the backup that belongs to a record was not kept, so the record was not changed either. */
export class BackupNotKept extends FleetError {
  constructor(path: string, what: string, cause?: unknown) {
    super("LF1115", `The backup ${path} is not kept: ${what}.`, {
      fix: "make its folder writable and free space there, and run the command again: nothing was changed without a backup.",
      cause,
    });
  }
}

/** LF1116: a backup opens, and holds something else than the store. */
export class BackupDiffers extends FleetError {
  constructor(
    readonly ref: RecordRef,
    store: string,
    what: string,
  ) {
    super("LF1116", `The backup of ${ref} differs from the record in ${store}: ${what}.`, {
      fix: "copy the backup that lies beside the record to where this one is, and verify that; it is still good enough for npx fleet recover.",
    });
  }
}

/** LF1113: a sealed secret does not open here: another host's, another worker's, or damaged. */
export class SealRefused extends FleetError {
  constructor(what: string) {
    super("LF1113", `The sealed secret was refused: ${what}.`, {
      fix: "run `pulumi up` again: it seals the worker's keys to this host anew.",
    });
  }
}
