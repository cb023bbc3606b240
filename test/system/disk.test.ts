import { existsSync, openSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import { DiskFull, isDiskFull, isFull, pathOf } from "../../system/disk.js";
import { createLogger, lasting } from "../../system/log.js";

const errno = (code: string) => Object.assign(new Error(`${code}: write`), { code, path: "/here/file" });
const sqlite = (errcode: number) => Object.assign(new Error("database or disk is full"), { errcode });

describe("a full disk", () => {
  test.each<[string, unknown, boolean]>([
    ["the system's word", errno("ENOSPC"), true],
    ["a quota that is used up", errno("EDQUOT"), true],
    ["SQLite's word", sqlite(13), true],
    ["SQLite's word in its extended form", sqlite(13 | (2 << 8)), true],
    ["what an error was made from", new Error("could not be written", { cause: errno("ENOSPC") }), true],
    ["a folder that may not be written", errno("EACCES"), false],
    ["another word of SQLite's", sqlite(10), false],
    ["no error at all", "ENOSPC", false],
  ])("is told by %s: %#", (_, error, is) => expect(isDiskFull(error)).toBe(is));

  test("is told in one line with the place, what came of it, and the next command", () => {
    const error = new DiskFull("/srv/host", errno("ENOSPC"), "the bundle could not be brought there.");
    expect(error.message).toBe(
      "LF1350: The disk of /srv/host is full: the bundle could not be brought there. Next: df -h /srv/host; free space there, then run the same command again: it goes on where it stopped.",
    );
    expect([pathOf(errno("ENOSPC")), pathOf(sqlite(13)), pathOf(undefined)]).toEqual([
      "/here/file",
      undefined,
      undefined,
    ]);
  });

  test("is not seen where there is room, or no folder", async () => {
    expect([await isFull(tmpdir()), await isFull("/no/such/folder")]).toEqual([false, false]);
  });

  test.runIf(existsSync("/dev/full"))("does not end a program that logs to it", () => {
    const log = createLogger("test", { destination: lasting(openSync("/dev/full", "w")) });
    for (let line = 0; line < 1_000; line++) log.error("x".repeat(2_000)); // more than is kept
  });
});
