import { statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { leastFree } from "../../../sidecar/adapters/disks.js";

const freeAt = (folder: string): number => {
  const { bavail, blocks } = statfsSync(folder);
  return bavail / blocks;
};

test("of several disks the fullest counts", async () => {
  const shares = ["/dev/shm", tmpdir()].map(freeAt);
  expect(await leastFree(["/dev/shm", tmpdir()])).toBeCloseTo(Math.min(...shares), 2);
});

test("a folder that is not there is passed over, and where none is there nothing is known", async () => {
  expect(await leastFree(["/nowhere", tmpdir()])).toBeCloseTo(freeAt(tmpdir()), 2);
  expect(await leastFree(["/nowhere"])).toBeNull();
});

test("what has no blocks, such as /proc, is no full disk", async () => expect(await leastFree(["/proc"])).toBeNull());
