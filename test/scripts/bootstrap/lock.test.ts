import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lock } from "./parts.js";

let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "lf-lock-"));
  folder = join(root, "lock");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function heldBy(owner: string): void {
  mkdirSync(folder);
  writeFileSync(join(folder, owner), "");
}

/** Above any Linux or macOS process id. */
const nobody = 99_999_999;

test("a free lock is had at once, and is gone when it is released", async () => {
  const held = await lock.acquire(folder);
  expect(readdirSync(folder)).toHaveLength(1);
  held.release();
  expect(existsSync(folder)).toBe(false);
  expect(readdirSync(root)).toEqual([]);
});

test("one after the other has it, never two at a time", async () => {
  let holders = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 5 }, async () => {
      const held = await lock.acquire(folder, { pauseMs: 1 });
      most = Math.max(most, ++holders);
      await new Promise((resolve) => setImmediate(resolve));
      holders--;
      held.release();
    }),
  );
  expect(most).toBe(1);
  expect(readdirSync(root)).toEqual([]);
});

test("whoever waits is told for whom", async () => {
  const first = await lock.acquire(folder);
  const waitingFor: number[] = [];
  const onWait = (pid: number): void => {
    waitingFor.push(pid);
    first.release();
  };
  const second = lock.acquire(folder, { pauseMs: 1, onWait });
  (await second).release();
  expect(waitingFor).toEqual([process.pid]);
});

test("a lock whose owner is dead is taken over", async () => {
  heldBy(`${nobody}-1-aaaaaaaa`);
  (await lock.acquire(folder)).release();
  expect(existsSync(folder)).toBe(false);
});

test.runIf(existsSync("/proc/self/stat"))(
  "a dead owner whose number another process got is dead all the same",
  async () => {
    heldBy(`${process.pid}-1-aaaaaaaa`);
    (await lock.acquire(folder)).release();
  },
);

test("an interrupted release leaves an empty folder, which is no lock", async () => {
  mkdirSync(folder);
  (await lock.acquire(folder)).release();
});
