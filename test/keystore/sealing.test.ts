import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SealRefused } from "../../keystore/errors.js";
import { sealTo, openSealed } from "../../keystore/sealed-box.js";
import { newHostKey, openSealedForHost, sealForHost } from "../../keystore/sealing.js";
import type { Address } from "../../schema/units.js";

const host = newHostKey();
const address: Address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const other: Address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const target = { hostPublicKey: host.publicKey, host: "gpu-1", epoch: 3, address };
const payload = new TextEncoder().encode("the worker's keys");

describe("a secret sealed for a host", () => {
  test("opens there, and says for whom it is", () => {
    const sealed = sealForHost(target, payload);
    expect(openSealedForHost(host.secretKey, { host: "gpu-1", address, epoch: 3 }, sealed)).toEqual({
      host: "gpu-1",
      epoch: 3,
      address,
      payload,
    });
  });

  test("opens where the worker is not known beforehand", () => {
    expect(openSealedForHost(host.secretKey, { host: "gpu-1" }, sealForHost(target, payload)).address).toBe(address);
  });

  test.each([
    ["another host's name", { host: "gpu-2" }],
    ["another worker", { host: "gpu-1", address: other }],
    ["another epoch", { host: "gpu-1", epoch: 4 }],
  ])("is refused for %s", (_, expected) => {
    expect(() => openSealedForHost(host.secretKey, expected, sealForHost(target, payload))).toThrow(SealRefused);
  });

  test("is refused with another host's key", () => {
    expect(() => openSealedForHost(newHostKey().secretKey, { host: "gpu-1" }, sealForHost(target, payload))).toThrow(
      SealRefused,
    );
  });

  test("is refused when any byte of it was changed", () => {
    const sealed = Buffer.from(sealForHost(target, payload), "base64");
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Buffer.from(sealed);
        changed[at] = (changed[at] ?? 0) ^ flip;
        expect(() => openSealedForHost(host.secretKey, { host: "gpu-1" }, changed.toString("base64"))).toThrow(
          SealRefused,
        );
      }),
    );
  });

  test("is refused in any other spelling", () => {
    const sealed: string = sealForHost(target, payload);
    for (const text of [
      "",
      "AAAA",
      `${sealed}=`,
      ` ${sealed}`,
      sealed.replaceAll("=", ""),
      Buffer.from(sealed, "base64").toString("hex"),
    ])
      if (text !== sealed)
        expect(() => openSealedForHost(host.secretKey, { host: "gpu-1" }, text)).toThrow(SealRefused);
  });

  test("holds nothing of the payload, and is another text each time", () => {
    const sealed = sealForHost(target, payload);
    expect(Buffer.from(sealed, "base64").includes(Buffer.from(payload))).toBe(false);
    expect(sealForHost(target, payload)).not.toBe(sealed);
  });
});

test("a box made for one purpose never opens as another", () => {
  const sealed = sealTo(host.publicKey, "one", "context", payload);
  expect(openSealed(host.secretKey, "other", sealed)).toBeUndefined();
  expect(openSealed(host.secretKey, "one", sealed)).toEqual({ context: "context", payload });
});

test("any context and payload survive sealing", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.uint8Array(), (context, bytes) => {
      const opened = openSealed(host.secretKey, "p", sealTo(host.publicKey, "p", context, bytes));
      expect(opened).toEqual({ context, payload: bytes });
    }),
    { numRuns: 50 },
  );
});
