import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../system/package-root.js";

/** What a person reads before and while using this: the README, the guide for contributors, the examples', everything in docs/. */
export const documents = (): readonly { readonly name: string; readonly text: string }[] =>
  [
    "README.md",
    "CONTRIBUTING.md",
    join("examples", "README.md"),
    ...readdirSync(join(packageRoot(), "docs")).map((name) => join("docs", name)),
  ].map((name) => ({ name, text: readFileSync(join(packageRoot(), name), "utf8") }));

const notSources = new Set(["node_modules", "dist", "test", "docs", ".git", ".fleet"]);

/** Every source file below a folder: programs, and the scripts that run before anything is compiled. */
export function sourcesBelow(folder = packageRoot()): readonly { readonly name: string; readonly text: string }[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return notSources.has(entry.name) ? [] : sourcesBelow(path);
    return /\.(ts|cjs)$/.test(entry.name) ? [{ name: path, text: readFileSync(path, "utf8") }] : [];
  });
}

/**
 * The lines of the first indented block below a heading.
 * @param file default: the README
 * @param holding only a block that holds this text counts
 */
export function blockUnder(heading: string, file = "README.md", holding = ""): string[] {
  const blocks = blocksUnder(heading, file);
  const block = blocks.find((lines) => lines.some((line) => line.includes(holding)));
  if (block === undefined) throw new Error(`${file} has no such block under "${heading}"`);
  return block;
}

/** Every indented block below a heading, up to the next one. */
export function blocksUnder(heading: string, file: string): string[][] {
  const [, part] = `\n${readFileSync(join(packageRoot(), file), "utf8")}`.split(`\n## ${heading}\n`);
  if (part === undefined) throw new Error(`${file} has no part called ${heading}`);
  const below = part.split("\n## ")[0] ?? "";
  return [...below.matchAll(/(?:^ {4}\S.*\n?)+/gm)].map(([block]) =>
    block
      .trimEnd()
      .split("\n")
      .map((line) => line.trim()),
  );
}
