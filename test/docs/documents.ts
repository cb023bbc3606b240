import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../system/package-root.js";

/** What a person reads before and while using this: the README, the guide for contributors, everything in docs/. */
export const documents = (): readonly { readonly name: string; readonly text: string }[] =>
  ["README.md", "CONTRIBUTING.md", ...readdirSync(join(packageRoot(), "docs")).map((name) => join("docs", name))].map(
    (name) => ({ name, text: readFileSync(join(packageRoot(), name), "utf8") }),
  );

const notSources = new Set(["node_modules", "dist", "test", "docs", ".git", ".fleet"]);

/** Every source file below a folder: programs, and the scripts that run before anything is compiled. */
export function sourcesBelow(folder = packageRoot()): readonly { readonly name: string; readonly text: string }[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return notSources.has(entry.name) ? [] : sourcesBelow(path);
    return /\.(ts|cjs)$/.test(entry.name) ? [{ name: path, text: readFileSync(path, "utf8") }] : [];
  });
}

/** The lines of the indented block that follows a heading of the README. */
export function blockUnder(heading: string): string[] {
  const text = readFileSync(join(packageRoot(), "README.md"), "utf8");
  const from = text.indexOf(`## ${heading}\n`);
  if (from === -1) throw new Error(`the README has no part called ${heading}`);
  const lines = text.slice(from).split("\n");
  const begin = lines.findIndex((line) => line.startsWith("    "));
  const length = lines.slice(begin).findIndex((line) => !line.startsWith("    "));
  return lines.slice(begin, begin + length).map((line) => line.trim());
}
