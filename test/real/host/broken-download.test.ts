import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tinyModels } from "../../../devnet/model/answers.js";
import { startModelRegistry, type ModelRegistry } from "../../../devnet/model/registry.js";
import { forgetBrokenDownloads } from "../../../host/sections/broken-download.js";
import { pullAccepted } from "../../../host/sections/model-store.js";
import { modelName } from "../../../schema/units.js";
import { startOllama } from "../devnet/model/ollama.js";
import { tool } from "../toolchain.js";

const poet = modelName("tiny-poet:1b");
let folder: string;
let registry: ModelRegistry;
const stops: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fleet-models-"));
  stops.push(() => rm(folder, { recursive: true, force: true }));
  registry = await startModelRegistry({ models: tinyModels });
  stops.push(() => registry.stop());
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** The blobs of the model, as its registry has them. */
async function blobsOf(source: string): Promise<string[]> {
  const [, host, path, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(source) ?? [];
  const answer = await fetch(`http://${host}/v2/${path}/manifests/${tag}`);
  const { layers } = (await answer.json()) as { layers: { digest: string }[] };
  return layers.map(({ digest }) => digest.replace(":", "-"));
}

test("a download that a full disk broke, so that Ollama cannot go on with it, is begun anew", async () => {
  const { client, models, stop } = await startOllama(await tool("ollama"));
  stops.push(stop);
  const source = registry.pullName(poet);
  await mkdir(join(models, "blobs"), { recursive: true });
  for (const blob of await blobsOf(source)) await writeFile(join(models, "blobs", `${blob}-partial-0`), "");
  const request = { source, name: poet, insecure: true };
  const pull = (where: string) => pullAccepted(client, { ...request, models: where }, () => true);
  await expect(pull(folder)).rejects.toThrow(/EOF$/);
  expect(await pull(models)).toMatchObject({ name: source });
});

test("what Ollama can go on with stays, and nothing that is no download goes", async () => {
  const blobs = join(folder, "blobs");
  await mkdir(blobs);
  const [good, bad] = ["a", "b"].map((digit) => `sha256-${digit.repeat(64)}`);
  for (const [name, text] of [
    [`${good}-partial`, "weights"],
    [`${good}-partial-0`, '{"N":0,"Offset":0,"Size":7,"Completed":3}\n'],
    [`${bad}-partial`, "weights"],
    [`${bad}-partial-0`, '{"N":0,"Offset":0,"Size":7,"Completed":3}\n'],
    [`${bad}-partial-1`, '{"N":1,"Off'],
    [`sha256-${"c".repeat(64)}`, ""],
  ] as const)
    await writeFile(join(blobs, name), text);
  expect(await forgetBrokenDownloads(folder)).toBe(true);
  expect((await readdir(blobs)).sort()).toEqual([`${good}-partial`, `${good}-partial-0`, `sha256-${"c".repeat(64)}`]);
  expect(await forgetBrokenDownloads(folder)).toBe(false);
  expect(await forgetBrokenDownloads(join(folder, "none"))).toBe(false);
});
