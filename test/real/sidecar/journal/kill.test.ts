import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn, type ChildProcess } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { jobId } from "../../../../schema/units.js";
import { openJournal } from "../../../../sidecar/journal/sqlite-journal.js";
import { compileProgram } from "../compile.js";
import { answerTo, identity, sentTxOf } from "./expected.js";

let folder: string;
let program: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lightchain-journal-kill-"));
  program = await compileProgram("test/real/sidecar/journal/writer.ts", folder, "writer.js");
  path = join(folder, "journal.sqlite");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Starts a writer and kills it once it has written down `jobs` jobs, wherever it is then. @returns the jobs it spoke of */
async function killAfter(jobs: number, first: bigint): Promise<bigint[]> {
  const writer = spawn(process.execPath, [program, path, first.toString()], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  writer.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (said.split("\n").length > jobs) writer.kill("SIGKILL");
  });
  await once(writer, "close");
  return said.split("\n").slice(0, -1).map(BigInt);
}

test("whenever the process is killed, the journal holds everything it said was written, and nothing torn", async () => {
  const said: bigint[] = [];
  for (let round = 0; round < 12; round++) {
    said.push(...(await killAfter(1 + round * 3, BigInt(round) * 1_000_000n)));
    const journal = openJournal(path, identity);
    try {
      for (const job of said) expect(journal.job(jobId(job))?.state).toBe("completing");
      for (const { id, state, ciphertext } of journal.openJobs()) {
        if (state === "answered" || state === "completing") expect(ciphertext).toEqual(answerTo(id));
        if (state === "completing") expect(journal.sentFor(sentTxOf(id).purpose)).toEqual([sentTxOf(id)]);
      }
      // The job it was at, and perhaps one that was done and not yet spoken of.
      expect(journal.openJobs().length - said.length).toBeLessThanOrEqual(round + 1);
    } finally {
      journal.close();
    }
  }
  expect(said.length).toBeGreaterThan(100);
});

test("a second process is refused while the first has the journal, and let in the moment it is killed", async () => {
  const { child, said } = await running(100_000_000n);
  expect(() => openJournal(path, identity)).toThrow("LF1401");
  const second = spawn(process.execPath, [program, path, "200000000"], { stdio: ["ignore", "ignore", "pipe"] });
  let words = "";
  second.stderr.setEncoding("utf8").on("data", (text: string) => (words += text));
  const [code] = (await once(second, "exit")) as [number];
  expect(code).toBe(1);
  expect(words).toContain("LF1401");
  child.kill("SIGKILL");
  await once(child, "close");
  expect(said()).toBe(true);
  openJournal(path, identity).close();
});

async function running(first: bigint): Promise<{ child: ChildProcess; said: () => boolean }> {
  const child = spawn(process.execPath, [program, path, first.toString()], { stdio: ["ignore", "pipe", "inherit"] });
  let spoke = false;
  await new Promise<void>((resolve, reject) => {
    child.once("exit", () => reject(new Error("it ended by itself")));
    child.stdout.on("data", () => {
      spoke = true;
      resolve();
    });
  });
  return { child, said: () => spoke };
}
