import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utils } from "ssh2";
import { expect, test, vi } from "vitest";
import { whyNoSshd } from "../hosts/sshd.js";
import { makeKeyPair } from "./key-pair.js";

/** A key pair as ssh2 makes one in 256: its public key began with a zero. */
function makeShortOne(): ReturnType<typeof makeKeyPair> {
  for (;;) {
    const pair = utils.generateKeyPairSync("ed25519");
    if (Buffer.from(pair.public.split(" ")[1] ?? "", "base64").length < 51) return pair;
  }
}

test.skipIf(whyNoSshd() !== undefined)("a key pair that OpenSSH could not read is not handed out", async () => {
  const folder = await mkdtemp(join(tmpdir(), "lf-key-"));
  try {
    const publicOf = async (pair: { private: string }): Promise<string> => {
      const file = join(folder, "key");
      await writeFile(file, pair.private, { mode: 0o600 });
      return execFileSync("ssh-keygen", ["-y", "-f", file], { encoding: "utf8", stdio: "pipe" }).trim();
    };
    const short = makeShortOne();
    await expect(publicOf(short)).rejects.toThrow("libcrypto");
    vi.spyOn(utils, "generateKeyPairSync").mockReturnValueOnce(short);
    const pair = makeKeyPair();
    expect(await publicOf(pair)).toBe(pair.public.trim());
  } finally {
    vi.restoreAllMocks();
    await rm(folder, { recursive: true });
  }
});
