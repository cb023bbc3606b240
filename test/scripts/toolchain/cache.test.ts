import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cacheKey, ensureEntry, findEntry, type Recipe } from "../../../scripts/toolchain/cache.js";
import { systemClock } from "../../../system/clock.js";

const recipe: Recipe = { tool: "tool", version: "1.2.3", ingredients: "linux-x64" };

test("a recipe's key names tool and version, and differs with every ingredient", () => {
  expect(cacheKey(recipe)).toMatch(/^tool\/1\.2\.3-[0-9a-f]{8}$/);
  expect(cacheKey({ ...recipe })).toBe(cacheKey(recipe));
  const others = [
    { ...recipe, ingredients: "darwin-x64" },
    { ...recipe, version: "1.2.4" },
    { ...recipe, tool: "tool2" },
  ].map(cacheKey);
  expect(new Set([cacheKey(recipe), ...others]).size).toBe(4);
});

describe("an installation", () => {
  let cache: string;
  let made: number;
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), "lf-cache-"));
    made = 0;
  });
  afterEach(() => rm(cache, { recursive: true, force: true }));

  const ensure = (produce = write): ReturnType<typeof ensureEntry> =>
    ensureEntry({ cache, recipe, clock: systemClock, produce, onWaiting: () => undefined });
  async function write(folder: string): Promise<string> {
    made++;
    await writeFile(join(folder, "program"), "content");
    return "made";
  }

  test("is made once and found afterwards", async () => {
    expect(await findEntry(cache, recipe)).toBeUndefined();
    const entry = await ensure();
    expect(entry).toEqual({ folder: join(cache, cacheKey(recipe)), how: "made" });
    expect(await ensure()).toEqual(entry);
    expect(await findEntry(cache, recipe)).toEqual(entry);
    expect(made).toBe(1);
  });

  test("that failed leaves nothing, and its error is the caller's", async () => {
    await expect(ensure(() => Promise.reject(new Error("no compiler")))).rejects.toThrow("no compiler");
    expect((await readdir(join(cache, "tool"))).filter((name) => name !== ".lock")).toEqual([]);
    await ensure();
    expect(made).toBe(1);
  });

  test.each<[change: string, spoil: (program: string) => Promise<void>]>([
    ["is shorter", (program) => writeFile(program, "half")],
    ["has other content of the same size", (program) => writeFile(program, "CONTENT")],
    ["is gone", (program) => rm(program)],
  ])("whose program %s is made anew", async (_, spoil) => {
    const { folder } = await ensure();
    await spoil(join(folder, "program"));
    await utimes(join(folder, "program"), 1, 1).catch(() => undefined);
    expect(await findEntry(cache, recipe)).toBeUndefined();
    await ensure();
    expect(made).toBe(2);
    expect(await readFile(join(folder, "program"), "utf8")).toBe("content");
  });

  test("whose files were only touched stays, and is read whole just once", async () => {
    const { folder } = await ensure();
    await utimes(join(folder, "program"), 1, 1);
    expect(await findEntry(cache, recipe)).toBeDefined();
    const manifest = JSON.parse(await readFile(join(folder, "entry.json"), "utf8")) as { files: { mtimeMs: number }[] };
    expect(manifest.files.map((file) => file.mtimeMs)).toEqual([(await stat(join(folder, "program"))).mtimeMs]);
    expect(made).toBe(0 + 1);
  });

  test("with a spoilt manifest is made anew", async () => {
    const { folder } = await ensure();
    await writeFile(join(folder, "entry.json"), `{"how":"ma`);
    await ensure();
    expect(made).toBe(2);
  });
});
