import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytesToHex } from "viem";
import { afterAll, describe, expect, test } from "vitest";
import { generateWorkerRecord } from "../../keystore/worker-keys.js";
import { parseSecretSource, readCredentials } from "../../sidecar/adapters/secrets.js";
import { settingsOf } from "../simulation/simulation.js";
import { contracts, refundTo } from "../simulation/world.js";

const folder = mkdtempSync(join(tmpdir(), "lf-secret-"));
afterAll(() => rmSync(folder, { recursive: true }));

const record = generateWorkerRecord({
  ...{ chainId: 8200, workerRegistry: contracts.workerRegistry, name: "one", refundTo },
});
const secret = {
  ...{ version: 1, chainId: 8200, workerRegistry: contracts.workerRegistry, address: record.address },
  signingKey: bytesToHex(record.signingKey),
  encryptionKey: bytesToHex(record.encryptionKey),
  ...{ refundTo, host: "sim-host", epoch: 1, leaving: false, generation: 0 },
};
const read = (content: string) => {
  const path = join(folder, "secret.json");
  writeFileSync(path, content);
  return readCredentials({ path }, { ...settingsOf(), address: record.address });
};

describe("the worker's secret", () => {
  test("opens with the settings it belongs to", () => {
    const { encryption, signingKey, secret: rest } = read(JSON.stringify(secret));
    expect(bytesToHex(encryption.publicKey)).toBe(record.encryptionPublicKey);
    expect(signingKey).toBe(secret.signingKey);
    expect(JSON.stringify(rest)).not.toContain(signingKey.slice(2));
  });

  test.each<[situation: string, content: string, code: string]>([
    ["nothing", "", "LF1452"],
    ["no JSON", "{", "LF1452"],
    ["another version", JSON.stringify({ ...secret, version: 2 }), "LF1452"],
    ["a key that is none", JSON.stringify({ ...secret, signingKey: "0x00" }), "LF1452"],
    ["an encryption key that is none", JSON.stringify({ ...secret, encryptionKey: `0x${"00".repeat(32)}` }), "LF1452"],
    ["another host's", JSON.stringify({ ...secret, host: "elsewhere" }), "LF1453"],
    ["another chain's", JSON.stringify({ ...secret, chainId: 9200 }), "LF1453"],
    ["another worker's", JSON.stringify({ ...secret, address: refundTo }), "LF1453"],
    ["a key of another address", JSON.stringify({ ...secret, signingKey: `0x${"42".repeat(32)}` }), "LF1453"],
  ])("is refused for good when it is %s, and the refusal repeats none of it", (_, content, code) => {
    try {
      read(content);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code, exit: 78 });
      for (const key of [secret.signingKey, secret.encryptionKey]) expect(String(error)).not.toContain(key.slice(2));
    }
  });

  test("comes from a pipe or from an absolute path, and from nowhere else", () => {
    expect(parseSecretSource("fd:3")).toEqual({ fd: 3 });
    expect(parseSecretSource("file:/run/credentials/worker")).toEqual({ path: "/run/credentials/worker" });
    for (const other of ["fd:1", "file:relative", "env:SECRET", "0x1234"])
      expect(() => parseSecretSource(other)).toThrow(/LF1450/);
  });
});
