import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { compiled } from "../../../system/package-root.js";
import { until } from "./until.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lf-test-command-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A program of that name which says that it began, and goes on until a signal ends it, or does nothing more. */
async function program(name: string, goesOn: boolean): Promise<void> {
  const file = join(folder, name);
  await writeFile(file, `#!/bin/sh\necho >> '${file}.begun'\n${goesOn ? "exec sleep 60" : ""}\n`);
  await chmod(file, 0o755);
}

test.each([
  ["a check", "prettier"],
  ["tests", "vitest"],
])(
  "npm test that is asked to stop during %s begins nothing more, and says by its code what stopped it",
  async (_, at) => {
    for (const name of ["eslint", "prettier", "tsc", "vitest"]) await program(name, name === at);
    const env = { ...process.env, PATH: `${folder}${delimiter}${process.env["PATH"] ?? ""}` };
    const running = spawn(process.execPath, [compiled("scripts/test.js")], { env, stdio: "ignore" });
    const ended = once(running, "exit");
    await until(`the beginning of ${at}`, () => existsSync(join(folder, `${at}.begun`)));
    running.kill("SIGTERM");
    expect(await ended).toEqual([143, null]);
    const begun = await readFile(join(folder, "vitest.begun"), "utf8").catch(() => "");
    expect(begun.split("\n").length - 1, "rounds of tests").toBeLessThan(2);
  },
);
