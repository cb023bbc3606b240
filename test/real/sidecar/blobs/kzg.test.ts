import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { bytesToHex, hexToBytes, type Hex } from "viem";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packBlob, versionedHash } from "../../../../protocol/blob.js";
import { loadKzg, type Kzg } from "../../../../system/kzg.js";
import { compiled, packageRoot } from "../../../../system/package-root.js";
import { runProcess } from "../../../../system/process.js";
import { startKzgThread, type KzgThread } from "../../../../sidecar/kzg/thread.js";
import { compileProgram } from "../compile.js";

/** Vectors V1 and V3 of the sidecar reference, §2.6. */
const vectors: readonly { payload: Hex; commitment: Hex; hash: Hex; proof?: Hex }[] = [
  {
    payload: "0xa0a1a2a3a4a5a6a7a8a9aaabb1701d5965a2719f504eb5ec7751d6e19a2a76f72657f09a1f8cd312",
    commitment: "0x8da871f9b66196d87347f9b78032df3b5649abb9b7389aed4db17a93b5ac58d493163ab43cd84c078afd37177b18ee57",
    hash: "0x0123c0ab34b57ff162ed08388bd92ef7f0bf9c1a460e7ddb6e8eb1e600ad7ede",
  },
  {
    payload: "0xd0d1d2d3d4d5d6d7d8d9dadb183d5a2c15812ea9e02fddfec8d8646971",
    commitment: "0x95a4e7f067c7501dde9625ebd0aebdbfc41516d38d0e289f78c66afe8618c08334ae98b5bf90f85bd5071f48da6c9c33",
    hash: "0x01c4f28df965726fe6664242672ae68ef0c725525534919dc96268fab5d5437b",
    proof: "0x8fb9c3d6dda639424095c47b14c94ef7de0d2ded1c6204bed4e18015ff3d679c108229c9c7586cbc18cf3306e55117f2",
  },
];

/** The library itself: the test must not believe our own wrapper. */
let native: {
  computeCells(blob: Uint8Array): Uint8Array[];
  verifyCellKzgProofBatch(
    commitments: Uint8Array[],
    indices: number[],
    cells: Uint8Array[],
    proofs: Uint8Array[],
  ): boolean;
};
let kzgHere: Kzg;
beforeAll(async () => {
  kzgHere = await loadKzg();
  native = createRequire(__filename)("c-kzg") as typeof native;
});

describe("the KZG thread, bundled as it is shipped", () => {
  let folder: string;
  let kzg: KzgThread;
  beforeAll(async () => {
    // Inside the package, so that the bundle finds the libraries that it leaves outside.
    await mkdir(join(packageRoot(), "node_modules", ".cache"), { recursive: true });
    folder = await mkdtemp(join(packageRoot(), "node_modules", ".cache", "kzg-"));
    kzg = startKzgThread(await compileProgram("sidecar/kzg/worker.ts", folder, "kzg-worker.js"));
  });
  afterAll(async () => {
    await kzg.close();
    await rm(folder, { recursive: true, force: true });
  });

  test.each(vectors)("commits to $payload as the network does", async ({ payload, commitment, hash, proof }) => {
    const blob = packBlob(hexToBytes(payload));
    const made = await kzg.commit(blob);
    expect(bytesToHex(made)).toBe(commitment);
    expect(versionedHash(made)).toBe(hash);
    if (proof !== undefined)
      expect((await kzg.prove(blob, made, "blob")).map((one) => bytesToHex(one))).toEqual([proof]);
  });

  test("proves each cell of a blob: the library verifies the proofs, in their order and for no other blob", async () => {
    const [blob, other] = [packBlob(hexToBytes(vectors[0]!.payload)), packBlob(hexToBytes(vectors[1]!.payload))];
    const commitment = await kzg.commit(blob);
    const proofs = await kzg.prove(blob, commitment, "cells");
    expect(proofs).toHaveLength(128);
    expect(cellsVerify(blob, commitment, proofs)).toBe(true);
    expect(cellsVerify(blob, commitment, [...proofs].reverse())).toBe(false);
    expect(cellsVerify(other, commitment, proofs)).toBe(false);
  });

  test("may be closed while it computes: the process ends as it meant to, and is not aborted by the library", async () => {
    const script = `
      const { startKzgThread } = require(${JSON.stringify(compiled("sidecar/kzg/thread.js"))});
      const kzg = startKzgThread(${JSON.stringify(join(folder, "kzg-worker.js"))});
      kzg.commit(new Uint8Array(131072)).then(async (commitment) => {
        kzg.prove(new Uint8Array(131072), commitment, "cells").catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, 50));
        await kzg.close();
        process.exit(75);
      });`;
    expect(await runProcess(process.execPath, ["-e", script])).toMatchObject({ code: 75, stderr: "" });
  });

  test("leaves this thread free while it computes", async () => {
    await kzg.ready();
    const before = { here: process.threadCpuUsage(), all: process.cpuUsage() };
    const blobs = Array.from({ length: 3 }, (_, k) => packBlob(new Uint8Array(100_000).fill(k)));
    await Promise.all(blobs.map(async (blob) => kzg.prove(blob, await kzg.commit(blob), "cells")));
    const here = process.threadCpuUsage(before.here);
    const all = process.cpuUsage(before.all);
    // Shares of the work, however busy the machine is.
    expect(here.user).toBeLessThan(all.user / 4);
  });
});

/** Whether the library, asked directly, takes 128 proofs for those of a blob's cells. */
function cellsVerify(blob: Uint8Array, commitment: Uint8Array, proofs: readonly Uint8Array[]): boolean {
  const cells = native.computeCells(blob);
  const all = cells.map((_, index) => index);
  return native.verifyCellKzgProofBatch(
    cells.map(() => commitment),
    all,
    cells,
    [...proofs],
  );
}

test("asked for twice in a process, the library is the same one, not the slow one instead", async () => {
  expect(await loadKzg()).toBe(await loadKzg());
});

test("a proof is accepted for its own blob and no other", async () => {
  const kzg = kzgHere;
  const [one, other] = [packBlob(Uint8Array.of(1)), packBlob(Uint8Array.of(2))];
  const commitment = kzg.commitment(one);
  const proof = kzg.proof(one, commitment);
  expect(kzg.verify(one, commitment, proof)).toBe(true);
  expect(kzg.verify(other, commitment, proof)).toBe(false);
});
