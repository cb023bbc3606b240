import { spawn, type ChildProcess } from "node:child_process";
import { openSync, closeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Writable } from "node:stream";
import { openSealedForHost } from "../../keystore/sealing.js";
import type { Unit } from "../services/unit.js";
import { sealedFileSchema } from "../sealed-file.js";

/**
 * Starts a unit's program. Its secret, if it has one, is opened now and written to its descriptor 3, which is then closed: it is in no argument,
 * environment or file.
 */
export async function runUnit(unit: Unit): Promise<ChildProcess> {
  const [file, ...args] = unit.command;
  if (file === undefined) throw new Error(`unit ${unit.name} has no command`);
  const secret = unit.secret === null ? undefined : await openSecret(unit.secret);
  const log = openSync(unit.log, "a", 0o600);
  try {
    const child = spawn(file, args, {
      cwd: unit.folder,
      env: unit.environment,
      stdio: ["ignore", log, log, secret === undefined ? "ignore" : "pipe"],
      detached: true, // its own group, so that a terminal's Ctrl-C is not the program's
    });
    if (secret !== undefined) await handOver(child, secret);
    return child;
  } finally {
    closeSync(log);
    secret?.fill(0);
  }
}

async function openSecret(secret: NonNullable<Unit["secret"]>): Promise<Uint8Array> {
  const key = await readFile(secret.hostKey);
  try {
    const { address, sealed } = sealedFileSchema.parse(JSON.parse(await readFile(secret.sealed, "utf8")));
    return openSealedForHost(key, { host: secret.host, address }, sealed).payload;
  } finally {
    key.fill(0);
  }
}

function handOver(child: ChildProcess, secret: Uint8Array): Promise<void> {
  const pipe = child.stdio[3] as Writable;
  return new Promise((resolve) => {
    pipe.on("error", () => resolve()); // the program ended before it read: its exit says so
    pipe.end(secret, () => resolve());
  });
}
