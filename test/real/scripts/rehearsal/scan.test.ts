import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { needleOf } from "../../../../keystore/secret-scan.js";
import { scanForSecrets } from "../../../../scripts/rehearsal/scan.js";
import { startProcess, stopProcess } from "../../../../system/process.js";

/* The very search that every rehearsal makes, with a key planted in each place that it looks at. */
let folder: string;
let key: Buffer;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lf-scan-"));
  key = randomBytes(32);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const search = () => scanForSecrets([folder], [needleOf("the key", key)]);
const put = async (path: string, content: string | Buffer): Promise<string> => {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  return file;
};

const spellings: readonly [name: string, spell: (key: Buffer) => string | Buffer][] = [
  ["raw", (bytes) => bytes],
  ["hex", (bytes) => `"0x${bytes.toString("hex")}"`],
  ["hex in capitals", (bytes) => bytes.toString("hex").toUpperCase()],
  ["base64", (bytes) => bytes.toString("base64")],
  ["base64 in the middle of something", (bytes) => Buffer.concat([Buffer.from("ab"), bytes]).toString("base64")],
  ["base64url", (bytes) => bytes.toString("base64url")],
];

describe.each([
  ["state", "state/.pulumi/stacks/lightchain-fleet/devnet.json"],
  ["history", "state/.pulumi/history/lightchain-fleet/devnet/devnet-1.checkpoint.json"],
  ["a log", "logs/up-events.json"],
])("in %s", (_, path) => {
  test.each(spellings)("a key is found as %s", async (_name, spell) => {
    const around = (part: string) => Buffer.from(`{"before": "${part}`);
    const file = await put(path, Buffer.concat([around("a"), Buffer.from(spell(key)), around("b")]));
    expect(await search()).toEqual([{ where: file, what: "the key" }]);
  });
});

test("a key is found in state that the engine has compressed", async () => {
  const file = await put("state/devnet.json.gz", gzipSync(`{"key": "${key.toString("hex")}"}`));
  expect(await search()).toEqual([{ where: file, what: "the key" }]);
});

test("a key is found in a large file, wherever it stands", async () => {
  const content = Buffer.alloc(20 * 1024 * 1024, "x");
  content.write(key.toString("hex"), 8 * 1024 * 1024 - 20);
  const file = await put("large.log", content);
  expect(await search()).toEqual([{ where: file, what: "the key" }]);
});

test("a key is found in no file but its own, whatever is searched after that", async () => {
  const file = await put("b/with-it", `before it ${key.toString("hex")} and after it`);
  for (const other of ["a/before", "b/beside", "c/after"]) await put(other, "short");
  expect(await search()).toEqual([{ where: file, what: "the key" }]);
});

test("what is left out is not gone into, and what is named of it nonetheless is", async () => {
  for (const path of ["kept/out/a", "out/a", "out/in/a"]) await put(path, key.toString("hex"));
  const folders = [folder, join(folder, "out/in")];
  const found = await scanForSecrets(folders, [needleOf("the key", key)], [join(folder, "out")]);
  expect(found.map(({ where }) => where).sort()).toEqual(["kept/out/a", "out/in/a"].map((path) => join(folder, path)));
});

const textual = spellings.filter(([name]) => name !== "raw");
test.each(textual)("a key in a process's arguments is found as %s", async (_, spell) => {
  // After a "--": a key may begin with a dash.
  const child = startProcess(process.execPath, ["-e", "setInterval(() => {}, 1000)", "--", spell(key).toString()], {
    env: {},
  });
  try {
    await expect
      .poll(search, { timeout: 10_000 })
      .toEqual([{ where: `process ${child.pid} cmdline`, what: "the key" }]);
  } finally {
    await stopProcess(child);
  }
});

test.each(textual)("a key in a process's environment is found as %s", async (_, spell) => {
  const env = { SOMETHING: spell(key).toString() };
  const child = startProcess(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { env });
  try {
    await expect
      .poll(search, { timeout: 10_000 })
      .toEqual([{ where: `process ${child.pid} environ`, what: "the key" }]);
  } finally {
    await stopProcess(child);
  }
});

test("nothing is found where nothing was planted", async () => {
  await put("state/devnet.json", JSON.stringify({ address: `0x${randomBytes(20).toString("hex")}` }));
  expect(await search()).toEqual([]);
});
