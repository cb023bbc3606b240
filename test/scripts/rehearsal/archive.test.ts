import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { archiveEndedLife } from "../../../scripts/rehearsal/archive.js";
import { foldersIn, type Folders } from "../../../scripts/rehearsal/folders.js";

let folders: Folders;
beforeEach(async () => {
  folders = foldersIn(await mkdtemp(join(tmpdir(), "lf-archive-")));
  await mkdir(folders.keys);
  await writeFile(join(folders.keys, "worker.json"), "sealed");
  await writeFile(folders.passphrase, "words");
});
afterEach(() => rm(folders.root, { recursive: true, force: true }));

const inState = async (latest: unknown): Promise<void> => {
  const stacks = join(folders.state, ".pulumi", "stacks", "lightchain-fleet");
  await mkdir(stacks, { recursive: true });
  await writeFile(join(stacks, "devnet.json"), JSON.stringify({ version: 3, checkpoint: { stack: "x", latest } }));
};
const component = { type: "lightchain:fleet:Worker" };
const keys = { type: "lightchain:fleet:Keys", custom: true };

test.each([
  ["was taken away with its state", undefined],
  ["was never begun", null],
  ["left nothing in the state", { resources: [{ type: "pulumi:pulumi:Stack" }, component], pending_operations: null }],
])("the keys of a life that %s are put aside, with what opens them", async (_, latest) => {
  if (latest !== undefined) await inState(latest);
  const folder = await archiveEndedLife(folders);
  expect(folder).toBe(join(folders.root, "archive", "1"));
  expect(await readFile(join(folder!, "keys", "worker.json"), "utf8")).toBe("sealed");
  expect(await readFile(join(folder!, "passphrase"), "utf8")).toBe("words");
  expect(existsSync(folders.keys)).toBe(false);
  expect(existsSync(folders.passphrase)).toBe(true);
  expect(await archiveEndedLife(folders)).toBeUndefined();
});

test.each([
  ["has resources", { resources: [component, keys] }],
  ["has begun one", { resources: [], pending_operations: [{ type: "creating" }] }],
])("a life that %s keeps its keys", async (_, latest) => {
  await inState(latest);
  expect(await archiveEndedLife(folders)).toBeUndefined();
  expect(existsSync(join(folders.keys, "worker.json"))).toBe(true);
});

test("each life has an archive of its own", async () => {
  await archiveEndedLife(folders);
  await mkdir(folders.keys);
  expect(await archiveEndedLife(folders)).toBe(join(folders.root, "archive", "2"));
});
