import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../system/package-root.js";

const read = (...path: string[]): string => readFileSync(join(packageRoot(), ...path), "utf8");
/** Names in the first column of the table under a heading. */
function listed(kind: string): string[] {
  const [, part = ""] = read("docs", "stacks.md").split(`\n## ${kind}\n`);
  return [...(part.split("\n## ")[0] ?? "").matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name ?? "");
}
const kinds = readdirSync(join(packageRoot(), "stacks")).flatMap(
  (name) => /^(?!choose|machine|worker-stack)(.*)\.ts$/.exec(name)?.[1] ?? [],
);

test.each(kinds)("every setting that a stack of kind %s reads is listed, and no other", (kind) => {
  const own = read("stacks", `${kind}.ts`);
  const shared = [...own.matchAll(/from "\.\/([\w-]+)\.js"/g)].map(([, name = ""]) => read("stacks", `${name}.ts`));
  const source = [own, ...shared].join("\n");
  const used = [...source.matchAll(/config\.(?:get|require)\w*(?:<\w+>)?\("(\w+)"\)/g)].map(([, name]) => name);
  expect(used.length).toBeGreaterThan(0);
  expect(listed(kind).sort()).toEqual([...new Set(used)].sort());
});
