import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../system/package-root.js";
import { sourcesBelow } from "./documents.js";

const code = /LF1\d{3}/g;

test("every error code has an entry, and every entry is of a code that exists", () => {
  const used = sourcesBelow().flatMap(({ text }) => text.match(code) ?? []);
  const documented = readFileSync(join(packageRoot(), "docs/errors.md"), "utf8").match(/^\| LF1\d{3}/gm) ?? [];
  expect(documented.map((line) => line.slice(2))).toEqual([...new Set(used)].sort());
});
