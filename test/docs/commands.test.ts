import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../system/package-root.js";
import { documents, sourcesBelow } from "./documents.js";

const { scripts } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as {
  scripts: Record<string, string>;
};
/** What people are told to type, in documents and in the sources' errors. */
const texts = [...documents(), ...sourcesBelow()];
const mentioned = (pattern: RegExp): string[] => [
  ...new Set(texts.flatMap(({ text }) => [...text.matchAll(pattern)].map(([, name]) => name ?? ""))),
];

test("every npm script that is named anywhere exists", () => {
  const named = mentioned(/npm run ([a-z][a-z:-]*)/g);
  expect(named).toContain("devnet");
  expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
});

test("every script is the bootstrap's, or a tool that it installs", () => {
  const bootstrap = readFileSync(join(packageRoot(), "scripts/bootstrap/main.cjs"), "utf8");
  const commands = Object.values(scripts).flatMap((script) => /bootstrap\.cjs ([a-z-]+)/.exec(script)?.[1] ?? []);
  expect(commands).toContain("start");
  expect(commands.filter((name) => !new RegExp(`^  "?${name}"?: \\{`, "m").test(bootstrap))).toEqual([]);
});
