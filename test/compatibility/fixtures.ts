import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { packageRoot } from "../../system/package-root.js";

/** What one version of this project has written (`npm run state-fixture`). */
export interface Fixture {
  /** For instance `v0.1.0`. */
  readonly version: string;
  /** A document's text. @param root what the rehearsal's folder is to be */
  text(name: string, root?: string): string;
  json(name: string, root?: string): unknown;
}

const folder = join(packageRoot(), "test", "fixtures", "state");

/** One for each version that was released, and for this one. */
export const fixtures: readonly Fixture[] = readdirSync(folder).map((version) => {
  const text = (name: string, root = "/fleet/rehearsal"): string =>
    readFileSync(join(folder, version, name), "utf8").replaceAll("/fleet/rehearsal", root);
  return { version, text, json: (name, root) => JSON.parse(text(name, root)) as unknown };
});

/** Does what must go well with a document of another version, and says what the rule is where it does not. */
export async function stillReads<T>({ version }: Fixture, what: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    return expect.unreachable(
      `${what}, as ${version} wrote it, is not read any more: ${(error as Error).message}\n` +
        `Workers that are out there would be stranded. A new field needs a default, a renamed or removed one must still be understood; do not touch the fixture (CONTRIBUTING.md, "What other versions read").`,
    );
  }
}

/** What holds things by a name of somebody's choosing: there, another key is another thing. */
const byName = new Set(["environment", "models", "retired", "runtime", "tuning", "workers"]);

/** The same document as a newer version may write it: with a field that nobody knows yet in each of its objects. */
export function withNewFields(value: unknown, key?: string): unknown {
  if (Array.isArray(value)) return value.map((item) => withNewFields(item));
  if (value === null || typeof value !== "object") return value;
  const known = Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withNewFields(item, name)]));
  return byName.has(key ?? "") ? known : { ...known, fieldOfALaterVersion: { since: "v99" } };
}
