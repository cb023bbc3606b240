import { join, relative } from "node:path";
import { expect, test } from "vitest";
import { reverts } from "../../lifecycle/reverts.js";
import { documentedErrors, renderErrors } from "../../scripts/errors-doc.js";
import { packageRoot } from "../../system/package-root.js";
import { sourcesBelow } from "./documents.js";

const sources = sourcesBelow().map(({ name, text }) => ({ name: relative(packageRoot(), name), text }));
const codes = [...documentedErrors(sources), ...Object.values(reverts)].map(({ code }) => code);

test("the catalogue of errors is what the sources say", async () => {
  await expect(renderErrors(sources)).toMatchFileSnapshot(join(packageRoot(), "docs", "errors.md"));
});

test("every code that a source names is made somewhere, and so has a meaning and a next step", () => {
  const named = sources.flatMap(({ text }) => text.match(/LF1\d{3}/g) ?? []);
  expect([...new Set(named)].filter((code) => !codes.includes(code))).toEqual([]);
});

test("no code is given to two of the contracts' errors, or to one of them and one of ours", () => {
  expect(new Set(codes).size).toBe(codes.length);
});
