import type { Hash } from "../../schema/units.js";
import { archiveStream, checksumsOf, platformOf } from "./bundle-archive.js";
import { readBundleHash } from "./bundle.js";
import type { SshConnection } from "./ssh-connection.js";
import { HostNotReached } from "./unreached.js";
import { MachineUnsupported, ProgramsMissing, UploadFailed } from "./ssh-errors.js";
import type { SshServer } from "./ssh-reference.js";
import {
  checkBundle,
  damaged,
  dropStaged,
  lookAtMachine,
  noBundle,
  settle,
  stagedArchive,
  unpack,
} from "./ssh-scripts.js";

/**
 * Brings a bundle to a host, once. It has its name there only when every file of it is as the manifest says: an upload that was interrupted never counts, and one that was
 * damaged since is brought again. An archive that was staged before is taken, if it is good.
 * @throws UploadFailed, MachineUnsupported, ProgramsMissing, HostNotReached
 */
export async function putBundle(
  connection: SshConnection,
  server: SshServer,
  root: string,
  source: string,
): Promise<Hash> {
  const hash = await readBundleHash(source);
  const checksums = await checksumsOf(source);
  await checkMachine(connection, server, source);
  const found = await connection.run({ words: checkBundle(root, hash), input: checksums });
  if (found.code !== 0) {
    const place: Place = { connection, server, root, hash, checksums };
    if (!(await take(place, stagedArchive(hash)))) await bring(place, source);
  }
  await connection.run({ words: dropStaged(hash) });
  return hash;
}

async function checkMachine(connection: SshConnection, server: SshServer, source: string): Promise<void> {
  const [machine = "", ...missing] = (await connection.run({ words: lookAtMachine() })).stdout.trim().split("\n");
  const bundle = await platformOf(source);
  if (machine !== bundle) throw new MachineUnsupported(server, machine, bundle);
  if (missing.length > 0) throw new ProgramsMissing(server, missing);
}

interface Place {
  readonly connection: SshConnection;
  readonly server: SshServer;
  readonly root: string;
  readonly hash: Hash;
  readonly checksums: string;
}

/** From an archive that is there already. @returns false when there is none, or none that is good */
async function take(place: Place, staged: string): Promise<boolean> {
  const { connection, root, hash, checksums } = place;
  const unpacked = await connection.run({ words: unpack(root, staged) });
  if (unpacked.code === noBundle || unpacked.code !== 0) return false;
  return (await connection.run({ words: settle(root, hash, folderIn(unpacked.stdout)), input: checksums })).code === 0;
}

/** Through the connection. */
async function bring({ connection, server, root, hash, checksums }: Place, source: string): Promise<void> {
  const failed = (why: string, cause?: unknown): UploadFailed => new UploadFailed(server, root, why, cause);
  const unpacked = await connection
    .run({ words: unpack(root, "-"), input: archiveStream(source) })
    .catch((error: unknown) => {
      throw error instanceof HostNotReached ? error : failed("the bundle's files cannot be read", error);
    });
  if (unpacked.code !== 0) throw failed(reasonIn(unpacked.stderr));
  const settled = await connection.run({ words: settle(root, hash, folderIn(unpacked.stdout)), input: checksums });
  if (settled.code === damaged) throw failed(`it arrived damaged (${reasonIn(settled.stderr)})`);
  if (settled.code !== 0) throw failed(reasonIn(settled.stderr));
}

function folderIn(stdout: string): { folder: string; made: string } {
  const [folder = "", made = ""] = stdout.split("\n");
  return { folder, made };
}

/** The line of a shell's complaints that says most: the first one, or the one that names the disk. Pure. */
export function reasonIn(stderr: string): string {
  const lines = stderr.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
  const telling = lines.find((line) => /no space|quota|read-only|permission denied/i.test(line)) ?? lines[0];
  return (telling ?? "it ended without a word").replace(/\.$/, "");
}
