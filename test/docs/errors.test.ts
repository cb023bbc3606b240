import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../system/package-root.js";

const code = /LF1\d{3}/g;
const notSources = new Set(["node_modules", "dist", "test", "docs", ".git", ".fleet"]);

function codesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return notSources.has(entry.name) ? [] : codesBelow(join(folder, entry.name));
    return /\.(ts|cjs)$/.test(entry.name) ? (readFileSync(join(folder, entry.name), "utf8").match(code) ?? []) : [];
  });
}

test("every error code has an entry, and every entry is of a code that exists", () => {
  const documented = readFileSync(join(packageRoot(), "docs/errors.md"), "utf8").match(/^\| LF1\d{3}/gm) ?? [];
  expect(documented.map((line) => line.slice(2))).toEqual([...new Set(codesBelow(packageRoot()))].sort());
});
