import { oldestGlibc } from "../../../schema/bundle.js";
import type { Hash } from "../../../schema/units.js";
import { compareVersions } from "../../../system/versions.js";
import { archiveStream, checksumsOf, platformOf } from "../bundle-archive.js";
import { readBundleHash } from "../bundle.js";
import { HostNotReached } from "../unreached.js";
import { MachineUnsupported, ProgramsMissing, UploadFailed } from "./errors.js";
import type { RemoteShell, StreamingShell } from "./remote-shell.js";
import {
  anotherLibc,
  checkBundle,
  damaged,
  dropStaged,
  lookAtMachine,
  noBundle,
  settle,
  stagedArchive,
  unpack,
} from "./scripts.js";

/** Where a bundle is brought to, and how. */
export type PutPlace = {
  /** Which machine, for a person. */
  readonly machine: string;
  readonly root: string;
} & (
  | {
      /** It is brought through it. */
      readonly shell: StreamingShell;
      readonly fetch?: never;
    }
  | {
      readonly shell: RemoteShell;
      /** Has the machine fetch the archive into this file of its home. */
      readonly fetch: (archive: string) => Promise<void>;
    }
);

/**
 * Brings a bundle to a host, once. It has its name there only when every file of it is as the manifest says: an upload that was interrupted never counts, and one that was
 * damaged since is brought again. An archive that was staged before is taken, if it is good.
 * @throws UploadFailed, MachineUnsupported, ProgramsMissing, HostNotReached
 */
export async function putBundle(place: PutPlace, source: string): Promise<Hash> {
  const { shell, root, machine } = place;
  const hash = await readBundleHash(source);
  const checksums = await checksumsOf(source);
  try {
    await checkMachine(place, source);
  } catch (error) {
    // Nobody may come back to a machine of the wrong kind. One that could not be asked keeps it for the next run.
    if (error instanceof MachineUnsupported) await shell.run({ words: dropStaged(hash) });
    throw error;
  }
  const found = await shell.run({ words: checkBundle(root, hash), input: checksums });
  if (found.code !== 0) {
    const bundle: Bundle = { hash, checksums };
    const staged = stagedArchive(hash);
    if ((await takeStaged(place, bundle, staged)) !== null) {
      if (place.fetch === undefined) await bring(place, bundle, source);
      else {
        await place.fetch(staged);
        const why = await takeStaged(place, bundle, staged);
        if (why !== null) throw new UploadFailed(machine, root, why);
      }
    }
  }
  await shell.run({ words: dropStaged(hash) });
  return hash;
}

async function checkMachine(
  { shell, machine: on }: Pick<PutPlace, "machine"> & { readonly shell: RemoteShell },
  source: string,
): Promise<void> {
  const lines = (await shell.run({ words: lookAtMachine() })).stdout.trim().split("\n");
  const [machine = "", libc = "", ...missing] = lines;
  const bundle = await platformOf(source);
  if (machine !== bundle) throw new MachineUnsupported(on, { machine, bundle });
  const unfit = unfitLibc(libc);
  if (unfit !== undefined) throw new MachineUnsupported(on, { libc: unfit });
  if (missing.length > 0) throw new ProgramsMissing(on, missing);
}

/** Why a bundle's Node does not start with what {@link lookAtMachine} says of a machine's C library; `undefined` when it does, or nobody knows. Pure. */
export function unfitLibc(said: string): string | undefined {
  if (said === anotherLibc) return "another C library than glibc";
  const version = /^glibc (\d[\d.]*)$/.exec(said)?.[1];
  return version !== undefined && compareVersions(version, oldestGlibc) < 0 ? said : undefined;
}

interface Bundle {
  readonly hash: Hash;
  readonly checksums: string;
}

/** From an archive that is there already. @returns why not: there is none, or none that is good; `null` when it was taken */
async function takeStaged(
  { shell, root }: Pick<PutPlace, "root"> & { readonly shell: RemoteShell },
  { hash, checksums }: Bundle,
  staged: string,
): Promise<string | null> {
  const unpacked = await shell.run({ words: unpack(root, staged) });
  if (unpacked.code === noBundle) return "nothing was staged";
  if (unpacked.code !== 0) return reasonIn(unpacked.stderr);
  const settled = await shell.run({ words: settle(root, hash, folderIn(unpacked.stdout)), input: checksums });
  if (settled.code === damaged) return `it arrived damaged (${reasonIn(settled.stderr)})`;
  return settled.code === 0 ? null : reasonIn(settled.stderr);
}

/** Through the connection. */
async function bring(
  { shell, machine, root }: Pick<PutPlace, "machine" | "root"> & { readonly shell: StreamingShell },
  { hash, checksums }: Bundle,
  source: string,
): Promise<void> {
  const failed = (why: string, cause?: unknown): UploadFailed => new UploadFailed(machine, root, why, cause);
  const unpacked = await shell
    .run({ words: unpack(root, "-"), input: archiveStream(source) })
    .catch((error: unknown) => {
      throw error instanceof HostNotReached ? error : failed("the bundle's files cannot be read", error);
    });
  if (unpacked.code !== 0) throw failed(reasonIn(unpacked.stderr));
  const settled = await shell.run({ words: settle(root, hash, folderIn(unpacked.stdout)), input: checksums });
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
