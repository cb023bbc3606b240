import { createECDH } from "node:crypto";
import fc from "fast-check";
import { parseTransaction, recoverTransactionAddress, serializeTransaction, verifyMessage } from "viem";
import { bytesToHex, hexToBytes } from "viem";
import { privateKeyToAddress } from "viem/accounts";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../keystore/canonical-json.js";
import { createLocalSigner } from "../../keystore/local-signer.js";
import { decodeRecord, encodeRecord } from "../../keystore/record-codec.js";
import { importTreasury } from "../../keystore/treasury.js";
import { livedWorker, newWorker } from "./fixtures.js";

const devKey = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const devAddress = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const to = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

describe("a new worker", () => {
  test("has keys that fit its address and public key, and is nobody's yet", () => {
    for (let count = 0; count < 20; count++) {
      const worker = newWorker();
      expect(worker.address).toBe(privateKeyToAddress(bytesToHex(worker.signingKey)));
      const encryption = createECDH("prime256v1");
      encryption.setPrivateKey(worker.encryptionKey);
      expect(worker.encryptionPublicKey).toBe(`0x${encryption.getPublicKey("hex")}`);
      expect(worker.encryptionPublicKey).toMatch(/^0x04[0-9a-f]{128}$/);
      expect([worker.signingKey.length, worker.encryptionKey.length]).toEqual([32, 32]);
      expect(worker).toMatchObject({ generation: 0, epoch: 0, holder: null, leaving: false, sent: [], archived: null });
    }
  });

  test("is never the same twice", () => {
    expect(newWorker().address).not.toBe(newWorker().address);
  });
});

describe("a treasury's key", () => {
  const treasury = (text: string) => importTreasury({ chainId: 1, name: "main" }, new TextEncoder().encode(text));
  test.each([devKey, devKey.slice(2), ` ${devKey}\n`, devKey.toUpperCase().replace("0X", "0x")])(
    "is read from %j",
    (text) => {
      expect(treasury(text).address).toBe(devAddress);
    },
  );
  test.each([
    "",
    "0x",
    devKey.slice(0, -1),
    `${devKey}0`,
    `${devKey} ${devKey}`,
    `0x${"0".repeat(64)}`,
    `0x${"f".repeat(64)}`,
  ])("is not %j, and the error does not repeat it", (text) => {
    expect(() => treasury(text)).toThrow(expect.objectContaining({ code: "LF1112" }) as Error);
    try {
      treasury(text);
    } catch (error) {
      if (text.length > 10) expect(String(error)).not.toContain(text.slice(2, 10));
    }
  });
});

describe("the local signer", () => {
  const signer = createLocalSigner(hexToBytes(devKey));

  test("signs messages with the network's vectors", async () => {
    expect(signer.address).toBe(devAddress);
    const login = "lightchain-worker-gateway-auth nonce=n1 issued=2026-01-01T00:00:00Z expires=2036-01-01T00:00:00Z";
    expect(await signer.signMessage(new TextEncoder().encode(login))).toBe(
      "0x7d3c8e0a77d79c53a36c47e2560ca84bf0c130059d58277181eb6837700f63cf6276f274eac6b041fcb36cb8c4fdef821d8f2778bd240fb3ec154a081d06666c1c",
    );
    // On the wire the recovery byte is 0/1; a signer gives 27/28.
    expect(
      await signer.signMessage(hexToBytes("0x345f5c803b0b881c691672d9c270b2e48b64dc9d206d103f071b8e6d9cb58648")),
    ).toBe(
      "0x3823eb7b62dad59f7cdfc64899e0212a40aaf7506183ab257e5ec05000aae5766dc3fc3b961eab869972acc2997230c687afb12a7b029461797d314c3233cb181c",
    );
  });

  test("keeps its own copy of the key", async () => {
    const key = hexToBytes(devKey);
    const own = createLocalSigner(key);
    key.fill(0);
    const message = Uint8Array.of(1, 2, 3);
    expect(
      await verifyMessage({
        address: devAddress,
        message: { raw: message },
        signature: await own.signMessage(message),
      }),
    ).toBe(true);
  });

  test("signs legacy transactions for one chain only", async () => {
    const transaction = {
      type: "legacy",
      chainId: 8200,
      nonce: 7,
      gasPrice: 11n,
      gas: 21_000n,
      to,
      value: 5n,
      data: "0x",
    } as const;
    const raw = await signer.signTransaction(transaction);
    const parsed = parseTransaction(raw);
    expect(parsed).toMatchObject({ chainId: 8200, nonce: 7, gasPrice: 11n, gas: 21_000n, value: 5n });
    expect(await recoverTransactionAddress({ serializedTransaction: raw as `0x02${string}` })).toBe(devAddress);
    expect(await signer.signTransaction(transaction)).toBe(raw);
  });

  test("signs the first vector of EIP-155", async () => {
    const example = createLocalSigner(hexToBytes(`0x${"46".repeat(32)}`));
    const raw = await example.signTransaction({
      type: "legacy",
      chainId: 1,
      nonce: 9,
      gasPrice: 20n * 10n ** 9n,
      gas: 21_000n,
      to: "0x3535353535353535353535353535353535353535",
      value: 10n ** 18n,
      data: "0x",
    });
    expect(raw).toBe(
      "0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83",
    );
  });

  test("signs blob transactions without their sidecars, which no signature covers", async () => {
    const transaction = {
      type: "eip4844",
      chainId: 8200,
      nonce: 3,
      maxFeePerGas: 100n,
      maxPriorityFeePerGas: 1n,
      maxFeePerBlobGas: 9n,
      gas: 21_000n,
      to: devAddress,
      value: 0n,
      data: "0x",
      blobVersionedHashes: ["0x010657f37554c781402a22917dee2f75def7ab966d7b770905398eba3c444014"],
    } as const;
    const raw = await signer.signTransaction(transaction);
    expect(raw.slice(0, 4)).toBe("0x03");
    const parsed = parseTransaction(raw as `0x03${string}`);
    expect(parsed).toMatchObject({
      nonce: 3,
      maxFeePerBlobGas: 9n,
      blobVersionedHashes: transaction.blobVersionedHashes,
    });
    const { r, s, yParity } = parsed as { r: `0x${string}`; s: `0x${string}`; yParity: number };
    const canonical = serializeTransaction({ ...transaction }, { r, s, yParity });
    expect(await recoverTransactionAddress({ serializedTransaction: canonical })).toBe(devAddress);
    expect(canonical).toBe(raw);
  });
});

describe("canonical JSON", () => {
  test("does not depend on the order in which things were written", () => {
    expect(canonicalJson({ b: [1, { d: null, c: true }], a: "x" })).toBe('{"a":"x","b":[1,{"c":true,"d":null}]}');
  });
  test("is JSON, and stable", () => {
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        fc.string(),
        fc.boolean(),
        fc.constant(null),
        fc.maxSafeInteger(),
        fc.array(tie("value")),
        fc.dictionary(fc.string(), tie("value")),
      ),
    })).value;
    fc.assert(
      fc.property(value, (plain) => {
        const text = canonicalJson(plain as string);
        expect(canonicalJson(JSON.parse(text) as string)).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(plain)));
      }),
    );
  });
  test("refuses numbers that JSON would round", () => {
    expect(() => canonicalJson(2 ** 53)).toThrow(RangeError);
    expect(() => canonicalJson(0.5)).toThrow(RangeError);
  });
});

test("a record survives its encoding exactly", () => {
  const worker = livedWorker();
  expect(decodeRecord(encodeRecord(worker))).toEqual(worker);
  expect(() => decodeRecord(new TextEncoder().encode('{"kind":"worker"}'))).toThrow(/not a record/);
});
