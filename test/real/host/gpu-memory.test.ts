import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { gpuMemoryInUse } from "../../../host/gpus.js";

/** Answers as an `nvidia-smi` of driver 580 did on a machine with an H100, once with a model and once without. */
let bin: string;
beforeEach(async () => {
  bin = await mkdtemp(join(tmpdir(), "fleet-smi-"));
  vi.stubEnv("PATH", `${bin}:/usr/bin:/bin`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(bin, { recursive: true });
});
const smi = async (script: string): Promise<void> => {
  await writeFile(join(bin, "nvidia-smi"), `#!/bin/sh\n${script}\n`);
  await chmod(join(bin, "nvidia-smi"), 0o755);
};
const uuid = "GPU-26f83de1-ee44-9adb-170c-9c0e8c677cef";
const twoGpus = `case "$1" in *memory.used) echo '0, ${uuid}, NVIDIA H100 80GB HBM3, 5503'; echo '1, GPU-b, NVIDIA H100 80GB HBM3, 4';; *) exit 9;; esac`;

test.each([
  ["all GPUs", [], 5507],
  ["one by its index", ["1"], 4],
  ["one by its UUID", [uuid], 5503],
] as const)("the memory in use is told of %s", async (_, ids, mebibytes) => {
  await smi(twoGpus);
  expect(await gpuMemoryInUse(ids)).toBe(mebibytes * 1024 ** 2);
});

test.each([
  ["there is no driver", "exit 9", []],
  ["the driver does not tell it", `echo '0, ${uuid}, NVIDIA GB10, [N/A]'`, []],
  ["one of the GPUs is not there", twoGpus, ["0", "7"]],
] as const)("nothing is known of it where %s", async (_, script, ids) => {
  await smi(script);
  expect(await gpuMemoryInUse(ids)).toBeUndefined();
});
