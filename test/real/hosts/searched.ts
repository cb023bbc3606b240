import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { findSecrets, needleOf, type SecretNeedle } from "../../../keystore/secret-scan.js";
import type { Folders } from "../../../scripts/rehearsal/folders.js";
import { needlesFor, scanForSecrets, type Leak } from "../../../scripts/rehearsal/scan.js";
import type { Stage } from "../../../scripts/rehearsal/stage.js";
import { startProcess, stopProcess } from "../../../system/process.js";

/** A place where keys are looked for, and where one can be put to see that it is found. */
export interface Searched {
  search(needles: readonly SecretNeedle[]): Promise<Leak[]>;
  /** Puts a text into each kind of thing that is searched. */
  plant(text: string): Promise<Planted>;
}

/** What was put somewhere to be found. */
export interface Planted {
  /** A part of each finding's `where`, one for each kind of thing. */
  readonly in: readonly string[];
  remove(): Promise<void>;
}

const planted = "planted";

/** {@link expectNoneOf} a worker's private keys. @param stage whose worker's */
export async function expectNoKeys(
  { operator, workerRef }: Pick<Stage, "operator" | "workerRef">,
  places: readonly Searched[],
): Promise<void> {
  await expectNoneOf(await needlesFor(operator.store, [workerRef]), places);
}

/** Holds places to having none of these keys in the open, and each search, to finding a key that lies in each kind of thing that it is to go through. */
export async function expectNoneOf(keys: readonly SecretNeedle[], places: readonly Searched[]): Promise<void> {
  for (const place of places) {
    const key = randomBytes(32);
    const put = await place.plant(key.toString("hex"));
    const found = await place.search([...keys, needleOf(planted, key)]).finally(() => put.remove());
    expect(found.filter(({ what }) => what !== planted)).toEqual([]);
    const where = found.map((leak) => leak.where);
    for (const kind of put.in) expect(where).toContainEqual(expect.stringContaining(kind));
  }
}

/**
 * This computer: the stack's state, its history, the engine's logs, everything else below a rehearsal's folder, and arguments and environments of every process.
 * @param said what the engine has said to a person, a line each
 */
export function thisComputer(folders: Folders, said: string[]): Searched {
  return {
    search: async (needles) => [
      ...(await scanForSecrets([folders.root], needles)),
      ...findSecrets(Buffer.from(said.join("\n")), needles).map(({ name }) => ({ where: "said", what: name })),
    ],
    plant: async (text) => {
      const files = ["stacks", "history", "backups"].map((kind) =>
        join(folders.state, ".pulumi", kind, "planted.json"),
      );
      files.push(join(folders.logs, "planted"), join(folders.project, "planted"));
      for (const file of files) {
        await mkdir(dirname(file), { recursive: true }); // a stack of which there is no backup yet
        await writeFile(file, text);
      }
      const loud = startProcess("tail", ["-f", "/dev/null", text], { env: { PATH: "/usr/bin:/bin", PLANTED: text } });
      said.push(text);
      return {
        in: [...files, `process ${loud.pid} environ`, `process ${loud.pid} cmdline`, "said"],
        remove: async () => {
          said.splice(said.indexOf(text), 1);
          await stopProcess(loud);
          for (const file of files) await rm(file);
        },
      };
    },
  };
}

/** A host's folder on this computer, which need not be there. Processes are {@link thisComputer}'s. */
export const hostFolder = (root: string): Searched => ({
  search: (needles) => scanForSecrets([root], needles),
  plant: async (text) => {
    const file = join(root, "planted", "file");
    const made = await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    return { in: [file], remove: () => rm(made ?? dirname(file), { recursive: true }) };
  },
});
