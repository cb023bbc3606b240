import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { installMoto, locateMoto, whyNotPip } from "../../../scripts/toolchain/moto.js";
import { silent } from "../../../scripts/toolchain/progress.js";
import { systemClock } from "../../../system/clock.js";
import { packageRoot } from "../../../system/package-root.js";

const bare = { cache: "/nonexistent", machine: { platform: "linux-x64", env: { PATH: "/nonexistent" } } } as const;

test("where there is no Python, the emulated AWS is not found, and a coded line says what is missing", async () => {
  expect(locateMoto(bare)).toBeUndefined();
  const workshop = { ...bare, clock: systemClock, progress: silent, signal: new AbortController().signal };
  await expect(installMoto(workshop)).rejects.toMatchObject({
    code: "LF1006",
    message: expect.stringMatching(
      /moto 5\.2\.5 .* there is no working python3\. Next: Debian: apt-get install/,
    ) as string,
  });
});

test.each([
  ["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"],
  ["WARNING: Retrying: NewConnectionError('Failed to establish a new connection')", "PyPI can't be reached"],
  ["ERROR: Ignored the following versions that require a different Python: Requires-Python >=3.10", "too old"],
])("pip's words %j are this machine's trouble", (words, reason) => expect(whyNotPip(words)).toContain(reason));

test("what pip says of a package itself is not taken for this machine's trouble", () =>
  expect(whyNotPip("error: subprocess-exited-with-error")).toBeUndefined());

test("every Python package is pinned to one version", () => {
  const lines = readFileSync(join(packageRoot(), "scripts", "toolchain", "python", "moto.txt"), "utf8").trim();
  for (const line of lines.split("\n").filter((one) => !one.startsWith("#")))
    expect(line).toMatch(/^[A-Za-z0-9._-]+(\[[a-z0-9,]+\])?==[0-9][0-9a-z.]*$/);
});
