import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../system/package-root.js";

const read = (...path: string[]): string => readFileSync(join(packageRoot(), ...path), "utf8");

/** The README's program, as `own-program.ts` must be: the same lines, its imports taken from the sources that the package exports. */
function fromReadme(): string {
  const [, program = ""] = /## Your own program\n\n```ts\n([\s\S]*?)```/.exec(read("README.md")) ?? [];
  const { exports } = JSON.parse(read("package.json")) as {
    exports: Record<string, { default?: string }>;
  };
  return program.replaceAll(/"lightchain-fleet\/(\w+)"/g, (whole, name: string) => {
    const compiled = exports[`./${name}`]?.default;
    return compiled === undefined ? whole : `"${compiled.replace("./dist/", "../../")}"`;
  });
}

test("the README's program is the one that the compiler checks", () => {
  expect(fromReadme()).toContain("new LightchainWorker(");
  expect(read("test", "docs", "own-program.ts")).toBe(fromReadme());
});
