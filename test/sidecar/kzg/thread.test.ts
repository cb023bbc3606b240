import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startKzgThread, type KzgThread } from "../../../sidecar/kzg/thread.js";

/** A thread that commits to a blob's first byte, and dies of some: 13 always, 7 the first time. */
const program = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { existsSync, writeFileSync } = require("node:fs");
  const flag = __filename + ".died";
  parentPort.postMessage({ ready: "native" });
  parentPort.on("message", ({ end, id, task }) => {
    if (end) process.exit(0);
    const { want, blob } = task;
    if (blob[0] === 13) process.exit(1);
    if (blob[0] === 7 && !existsSync(flag)) { writeFileSync(flag, ""); throw new Error("struck by lightning"); }
    if (blob[0] === 99) return parentPort.postMessage({ id, error: "not a blob" });
    parentPort.postMessage({ id, points: Array.from({ length: want === "cells" ? 128 : 1 }, () => blob.slice(0, 1)) });
  });`;

let folder: string;
let thread: KzgThread | undefined;
const start = (text: string, patienceMs = 200): KzgThread => {
  const path = join(folder, "worker.cjs");
  writeFileSync(path, text);
  return (thread = startKzgThread(path, undefined, patienceMs));
};
const commitmentTo = async (kzg: KzgThread, byte: number): Promise<number | undefined> =>
  (await kzg.commit(Uint8Array.of(byte)))[0];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lightchain-kzg-"));
});
afterEach(async () => {
  await thread?.close();
  rmSync(folder, { recursive: true });
});

describe("the KZG thread", () => {
  test("answers each question with its own answer", async () => {
    const kzg = start(program);
    expect(await kzg.ready()).toBe("native");
    expect(await Promise.all([1, 2, 3, 4].map((byte) => commitmentTo(kzg, byte)))).toEqual([1, 2, 3, 4]);
    await expect(commitmentTo(kzg, 99)).rejects.toThrow("not a blob");
  });

  test("proves a blob as a whole or cell by cell", async () => {
    const kzg = start(program);
    const [blob, commitment] = [Uint8Array.of(5), Uint8Array.of(5)];
    expect(await kzg.prove(blob, commitment, "blob")).toHaveLength(1);
    expect(await kzg.prove(blob, commitment, "cells")).toHaveLength(128);
  });

  test("that dies is started again and goes on with all it was asked", async () => {
    const kzg = start(program);
    expect(await Promise.all([1, 7, 3].map((byte) => commitmentTo(kzg, byte)))).toEqual([1, 7, 3]);
  });

  test("gives up a blob that it died of twice, and only that one", async () => {
    const kzg = start(program);
    const [first, deadly, last] = await Promise.allSettled([1, 13, 3].map((byte) => commitmentTo(kzg, byte)));
    expect(first).toMatchObject({ value: 1 });
    expect(deadly).toMatchObject({ reason: { message: expect.stringContaining("died twice") as string } });
    expect(last).toMatchObject({ value: 3 });
  });

  test("that never comes to life is given up, and says why", async () => {
    const kzg = start(`throw new Error("no such library");`);
    await expect(kzg.ready()).rejects.toThrow("no such library");
    await expect(commitmentTo(kzg, 1)).rejects.toThrow("no such library");
  });

  test("that finds no library is given up at once", async () => {
    const kzg = start(`require("node:worker_threads").parentPort.postMessage({ unusable: "neither library loads" });`);
    await expect(commitmentTo(kzg, 1)).rejects.toThrow("neither library loads");
  });

  test("that is closed ends what it computes first, and is not torn out of it", async () => {
    const done = join(folder, "done");
    const busy = `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100); fs.writeFileSync(${JSON.stringify(done)}, "");`;
    const program = `
      const fs = require("node:fs");
      require("node:worker_threads").parentPort.on("message", ({ end }) => { if (end) process.exit(0); ${busy} });`;
    const kzg = start(program, 15_000); // it may only be starting yet
    const question = expect(commitmentTo(kzg, 1)).rejects.toThrow("stopping");
    await kzg.close();
    await question;
    expect(existsSync(done)).toBe(true);
  });

  test("that is closed rejects what it was asked", async () => {
    const kzg = start(`setInterval(() => undefined, 1_000);`);
    const question = expect(commitmentTo(kzg, 1)).rejects.toThrow("stopping");
    await kzg.close();
    await question;
  });
});
