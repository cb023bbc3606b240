import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { HostDocument } from "../schema/host.js";
import { namedBundles } from "./document.js";
import type { Layout } from "./layout.js";
import { removeAll, removedPrefix, removeWhole } from "./root.js";

/** A bundle on this host. */
export interface KeptBundle {
  readonly hash: string;
  /** When it was put (ms). */
  readonly at: number;
}

/** How long whoever put a bundle may take until a section names it (ms). Models are pulled in between. */
const untilNamedMs = 3_600_000;

/** What bundles are held against. */
interface Needs {
  readonly named: ReadonlySet<string>;
  /** The one whose programs run this. */
  readonly own: string;
  /** Texts of what may start a program. */
  readonly units: readonly string[];
  /** By the clock that the bundles' times are from (ms). */
  readonly now: number;
}

/**
 * Which bundles nobody needs any more: not named by any section, not the one whose programs run this, not started by any unit, and put before the one that runs this and
 * not lately, since whoever put it, from another stack perhaps, may be about to name it. Pure.
 */
export function needless(bundles: readonly KeptBundle[], { named, own, units, now }: Needs): string[] {
  const mine = bundles.find(({ hash }) => hash === own);
  if (mine === undefined) return []; // run from elsewhere: nothing is known of what is new here
  return bundles
    .filter(({ hash, at }) => hash !== own && at <= mine.at && at < now - untilNamedMs && !named.has(hash))
    .filter(({ hash }) => !units.some((text) => text.includes(hash)))
    .map(({ hash }) => hash);
}

/** Removes the bundles that nobody needs any more. @returns their hashes */
export async function removeNeedlessBundles(
  layout: Layout,
  own: string,
  document: HostDocument,
  now: number,
): Promise<string[]> {
  const folder = layout.bundle("");
  const all = await readdir(folder).catch(() => []);
  for (const name of all) if (name.startsWith(removedPrefix)) await removeAll(join(folder, name)); // a run was killed
  const names = all.filter((name) => name.startsWith("0x"));
  const bundles = await Promise.all(
    names.map(async (hash) => ({ hash, at: (await stat(layout.bundle(hash))).mtimeMs })),
  );
  const units = await unitTexts(layout);
  const gone = needless(bundles, { named: namedBundles(document), own, units, now });
  for (const hash of gone) await removeWhole(layout.bundle(hash));
  return gone;
}

/** Whatever may start a program: our notes for the supervisor, and this machine's units of ours. */
async function unitTexts({ supervisor }: Layout): Promise<string[]> {
  const texts = await Promise.all(
    [supervisor.units, "/etc/systemd/system"].map(async (folder) => {
      const names = await readdir(folder).catch(() => []);
      const ours = names.filter((name) => folder === supervisor.units || name.startsWith("lightchain-"));
      return Promise.all(ours.map((name) => readFile(join(folder, name), "utf8").catch(() => "")));
    }),
  );
  return texts.flat();
}
