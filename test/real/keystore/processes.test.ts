import { build } from "esbuild";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openStore } from "../../../keystore/open-store.js";
import { passphraseFrom } from "../../../keystore/passphrase.js";
import type { RecordRef, SecretStore } from "../../../keystore/store.js";
import { systemClock } from "../../../system/clock.js";
import { packageRoot } from "../../../system/package-root.js";
import { runProcess, startProcess, stopProcess } from "../../../system/process.js";
import { newWorker } from "../../keystore/fixtures.js";

/* The store as several processes use it at once, with the passphrase in a file and scrypt at its real cost. */

const ref: RecordRef = "worker/8200/home";
let folder: string;
let child: string;
let env: Record<string, string>;
let store: SecretStore;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lf-keystore-"));
  child = join(folder, "child.cjs");
  await build({
    entryPoints: [join(packageRoot(), "test", "real", "keystore", "child.ts")],
    outfile: child,
    bundle: true,
    platform: "node",
    format: "cjs",
    logLevel: "error",
  });
  const passphrase = join(folder, "passphrase");
  await writeFile(passphrase, "correct horse\n", { mode: 0o600 });
  env = { LIGHTCHAIN_PASSPHRASE_FILE: passphrase };
  store = openStore(`file:${join(folder, "keys")}`, { passphrase: passphraseFrom(env), clock: systemClock });
  await store.create(ref, newWorker());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const command = (...task: string[]): string[] => [child, store.url, ref, ...task];

test("no change is lost when four processes change a record at once", async () => {
  const before = await store.read(ref, "worker");
  const results = await Promise.all(
    Array.from({ length: 4 }, () => runProcess(process.execPath, command("increment", "10"), { env })),
  );
  expect(results.map(({ code, stderr }) => [code, stderr])).toEqual(results.map(() => [0, ""]));
  const { version, record } = await store.read(ref, "worker");
  expect([record.epoch - before.record.epoch, version - before.version]).toEqual([40, 40]);
});

test("a lease held by another process keeps everybody out, and is free the moment that process is killed", async () => {
  const holder = startProcess(process.execPath, command("hold"), { env, stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [said] = (await once(holder.stdout!, "data")) as [Buffer];
    expect(said.toString()).toBe("held\n");
    await expect(store.lock(ref, 200)).rejects.toMatchObject({ code: "LF1106" });
    const { version, record } = await store.read(ref, "worker");
    await store.update(ref, version, record); // short changes go on
    holder.kill("SIGKILL");
    (await store.lock(ref, 10_000)).release();
  } finally {
    await stopProcess(holder);
  }
});

test("a process with another passphrase changes nothing, and says why", async () => {
  const before = await store.read(ref, "worker");
  const result = await runProcess(process.execPath, command("increment", "1"), {
    env: { LIGHTCHAIN_PASSPHRASE: "wrong" },
  });
  expect(result.code).not.toBe(0);
  expect(result.stderr).toContain("LF1103");
  expect(await store.read(ref, "worker")).toEqual(before);
});
