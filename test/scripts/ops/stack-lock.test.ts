import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { describeHolder, holderOf, locksOf, type StackLock } from "../../../scripts/ops/stack-lock.js";

const lock: StackLock = { pid: 7, username: "me", hostname: "here", timestamp: "2026-11-23T08:33:16.6941918Z" };
const running = (program: string | undefined, hostname = "here") => ({ hostname, programOf: () => program });

test.each<[situation: string, machine: ReturnType<typeof running>, holder: string]>([
  ["its engine runs", running("/opt/bin/pulumi"), "alive"],
  ["its process has ended", running(undefined), "dead"],
  ["its number is another program's by now", running("/usr/bin/vim"), "dead"],
  ["it was taken on another machine", running("pulumi", "there"), "elsewhere"],
])("a lock's holder when %s", (_, machine, holder) => expect(holderOf(lock, machine)).toBe(holder));

test("a holder is told in words", () =>
  expect(describeHolder(lock)).toBe("process 7 of me@here, since 2026-11-23T08:33:16Z"));

test("locks are found in a folder backend, one stack's only; none where there is no folder, or another backend", async () => {
  const backend = await mkdtemp(join(tmpdir(), "lf-locks-"));
  try {
    const folder = join(backend, ".pulumi", "locks", "organization", "project");
    for (const stack of ["mine", "other"]) {
      await mkdir(join(folder, stack), { recursive: true });
      await writeFile(join(folder, stack, "a.json"), JSON.stringify({ ...lock, username: stack }));
    }
    await writeFile(join(folder, "mine", "a.json.attrs"), "{}");
    const url = pathToFileURL(backend).href;
    expect(await locksOf(url, "project", "mine")).toEqual([{ ...lock, username: "mine" }]);
    expect(await locksOf(url, "project", "fresh")).toEqual([]);
    expect(await locksOf("https://app.pulumi.com", "project", "mine")).toEqual([]);
  } finally {
    await rm(backend, { recursive: true });
  }
});
