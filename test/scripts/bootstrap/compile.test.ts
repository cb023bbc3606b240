import { mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { compile } from "./parts.js";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "lf-compile-"));
  put("node_modules/typescript/package.json", `{"version":"5.9.3"}`);
  put("tsconfig.json", "{}");
  put("system/a.ts", "export const a = 1;");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(name: string, content: string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), content);
}

test("sources are the TypeScript files and compiler settings, and nothing that was installed or made", () => {
  for (const name of ["node_modules/x/index.ts", "dist/a.ts", ".fleet/b.ts", "README.md", "system/c.cjs"])
    put(name, "");
  expect(compile.listSources(root).map(({ name }) => name)).toEqual(["system/a.ts", "tsconfig.json"]);
});

test.each<[change: string, make: () => void]>([
  ["a source is edited", () => put("system/a.ts", "export const a = 22;")],
  ["a source is touched", () => utimesSync(join(root, "system/a.ts"), new Date(0), new Date(0))],
  ["a source comes", () => put("system/b.ts", "")],
  ["a source goes", () => rmSync(join(root, "system/a.ts"))],
  ["the compiler's settings change", () => put("tsconfig.build.json", "{}")],
  ["the compiler changes", () => put("node_modules/typescript/package.json", `{"version":"5.9.4"}`)],
])("the stamp differs when %s", (_, make) => {
  const before = compile.sourceStamp(root);
  make();
  expect(compile.sourceStamp(root)).not.toBe(before);
});

test("the stamp stays when nothing changed but what is no source", () => {
  const before = compile.sourceStamp(root);
  put("dist/system/a.js", "");
  put("docs/design.md", "");
  expect(statSync(join(root, "docs/design.md")).isFile()).toBe(true);
  expect(compile.sourceStamp(root)).toBe(before);
});
