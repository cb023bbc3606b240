import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { beaconApp } from "../../../devnet/chain/beacon.js";
import { headerRoot } from "../../../devnet/chain/beacon-header.js";
import { SlotStore } from "../../../devnet/chain/slots.js";
import { Faults } from "../../../devnet/faults.js";
import { versionedHash } from "../../../protocol/blob.js";
import type { Hex } from "../../../schema/units.js";

const hash = (number: number): Hex => `0x${number.toString(16).padStart(64, "0")}`;
const block = (number: number) => ({ number, hash: hash(number + 100), stateRoot: hash(number + 200) });
const blob = (byte: number): Hex => `0x${byte.toString(16).padStart(2, "0").repeat(131_072)}`;
const bundle = (...bytes: number[]) => ({
  blobs: bytes.map(blob),
  commitments: bytes.map((byte): Hex => `0x${byte.toString(16).padStart(96, "0")}`),
  proofs: bytes.map((byte): Hex => `0x${(byte + 1).toString(16).padStart(96, "0")}`),
});

/** As nodes give it from Osaka on: 128 proofs a blob. */
const cellBundle = (...bytes: number[]) => {
  const { proofs, ...rest } = bundle(...bytes);
  return { ...rest, proofs: proofs.flatMap((proof) => Array.from({ length: 128 }, () => proof)) };
};
const nameOf = (byte: number) => versionedHash(Buffer.from(bundle(byte).commitments[0]!.slice(2), "hex"));

/** Slots 0, 1, 2 and 5 (3 and 4 were missed); two blobs in slot 2, and two in slot 5, the first of Osaka. */
function smallChain() {
  const slots = new SlotStore(":memory:");
  const [prague, osaka] = [{ fork: "prague" }, { fork: "osaka" }] as const;
  const genesis = slots.add({ slot: 0, parentRoot: hash(0), block: block(0), ...prague });
  const first = slots.add({ slot: 1, parentRoot: genesis.root, block: block(1), ...prague });
  const second = slots.add({ slot: 2, parentRoot: first.root, block: block(2), ...prague, blobs: bundle(7, 8) });
  const third = slots.add({ slot: 5, parentRoot: second.root, block: block(3), ...osaka, blobs: cellBundle(9, 10) });
  const faults = new Faults();
  const facts = { chainId: 48221, genesisTime: 1_700_000_000, secondsPerSlot: 1 } as const;
  const app = beaconApp(facts, slots, faults, () => 1);
  const get = async (path: string) => {
    const answer = await app.request(path);
    return { status: answer.status, body: (await answer.json()) as { data: never } & Record<string, unknown> };
  };
  return { slots, faults, get, roots: [genesis, first, second, third].map(({ root }) => root) };
}

describe("the beacon node", () => {
  test("finds the slot after a parent root", async () => {
    const { get, roots } = smallChain();
    const { status, body } = await get(`/eth/v1/beacon/headers?parent_root=${roots[2]!}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      finalized: false,
      data: [{ root: roots[3], canonical: true, header: { message: { slot: "5", parent_root: roots[2] } } }],
    });
  });

  test("answers an empty list for the head's root and for a root it never saw", async () => {
    const { get, roots } = smallChain();
    expect((await get(`/eth/v1/beacon/headers?parent_root=${roots[3]!}`)).body.data).toEqual([]);
    expect((await get(`/eth/v1/beacon/headers?parent_root=${hash(9)}`)).body.data).toEqual([]);
  });

  test.each([
    ["head", 5],
    ["genesis", 0],
    ["finalized", 1],
    ["2", 2],
  ])("knows the header called %s", async (id, slot) => {
    const { get } = smallChain();
    const { body } = await get(`/eth/v1/beacon/headers/${id}`);
    expect(body).toMatchObject({ data: { header: { message: { slot: String(slot) } } } });
  });

  test("knows a header by its root, whatever its case", async () => {
    const { get, roots } = smallChain();
    const { body } = await get(`/eth/v1/beacon/headers/0x${roots[1]!.slice(2).toUpperCase()}`);
    expect(body).toMatchObject({ data: { root: roots[1] } });
  });

  test.each([
    "/eth/v1/beacon/headers/3",
    "/eth/v1/beacon/blob_sidecars/4",
    `/eth/v1/beacon/headers/${hash(9)}`,
    "/eth/v1/x",
  ])("answers 404 for what is not there: %s", async (path) => {
    const { status, body } = await smallChain().get(path);
    expect(status).toBe(404);
    expect(body).toMatchObject({ code: 404 });
  });

  test("serves the blobs of a slot with commitments and proofs, in order", async () => {
    const { status, body } = await smallChain().get("/eth/v1/beacon/blob_sidecars/2");
    expect(status).toBe(200);
    const { blobs, commitments, proofs } = bundle(7, 8);
    expect(body).toMatchObject({
      version: "electra",
      data: [0, 1].map((index) => ({
        index: String(index),
        blob: blobs[index],
        kzg_commitment: commitments[index],
        kzg_proof: proofs[index],
        signed_block_header: { message: { slot: "2" } },
      })),
    });
  });

  test("serves only the blobs that are asked for", async () => {
    const { body } = await smallChain().get("/eth/v1/beacon/blob_sidecars/2?indices=1");
    expect(body.data).toMatchObject([{ index: "1" }]);
    expect(body.data).toHaveLength(1);
  });

  test("serves blobs from Fulu on by the newer route: all of a slot in order, or those asked for by name", async () => {
    const { get } = smallChain();
    const all = await get("/eth/v1/beacon/blobs/5");
    expect([all.status, all.body.data]).toEqual([200, [blob(9), blob(10)]]);
    const some = async (...names: string[]) =>
      (await get(`/eth/v1/beacon/blobs/5?versioned_hashes=${names.join("&versioned_hashes=")}`)).body.data;
    expect(await some(nameOf(10))).toEqual([blob(10)]);
    expect(await some(nameOf(10).toUpperCase().replace("0X", "0x"), nameOf(9))).toEqual([blob(9), blob(10)]);
    expect(await some(nameOf(7))).toEqual([]);
  });

  test("refuses the older route for slots from Fulu on, and does not know the newer one before", async () => {
    const { get } = smallChain();
    expect(await get("/eth/v1/beacon/blob_sidecars/5")).toMatchObject({ status: 400, body: { code: 400 } });
    expect((await get("/eth/v1/beacon/blobs/2")).status).toBe(404);
    expect((await get("/eth/v1/beacon/blobs/3")).status).toBe(404);
  });

  test("serves an empty list for a block without blobs", async () => {
    const { status, body } = await smallChain().get("/eth/v1/beacon/blob_sidecars/1");
    expect([status, body.data]).toEqual([200, []]);
  });

  test.each(["blob_sidecars/2", "blobs/5"])("leaves blobs out as long as they are withheld: %s", async (path) => {
    const { get, faults } = smallChain();
    faults.add({ part: "beacon", kind: "withhold", times: 1 });
    expect((await get(`/eth/v1/beacon/${path}`)).body.data).toEqual([]);
    expect((await get(`/eth/v1/beacon/${path}`)).body.data).toHaveLength(2);
  });

  test("forgets nothing but follows the chosen chain when a block is replaced by another of its height", async () => {
    const { get, slots, roots } = smallChain();
    const other = slots.add({
      slot: 6,
      parentRoot: roots[1]!,
      fork: "prague",
      block: { number: 2, hash: hash(999), stateRoot: hash(1) },
    });
    expect((await get(`/eth/v1/beacon/headers?parent_root=${roots[1]!}`)).body.data).toMatchObject([
      { root: roots[2], canonical: false },
      { root: other.root, canonical: true },
    ]);
    expect((await get("/eth/v1/beacon/headers/2")).status).toBe(404);
    expect((await get("/eth/v1/beacon/blob_sidecars/2")).status).toBe(404);
    expect((await get(`/eth/v1/beacon/blob_sidecars/${roots[2]!}`)).body.data).toHaveLength(2);
    expect((await get(`/eth/v1/beacon/headers/${roots[2]!}`)).body).toMatchObject({ data: { canonical: false } });
    expect((await get("/eth/v1/beacon/headers/head")).body).toMatchObject({ data: { root: other.root } });
  });

  test("tells genesis, spec and version", async () => {
    const { get } = smallChain();
    expect((await get("/eth/v1/beacon/genesis")).body).toMatchObject({ data: { genesis_time: "1700000000" } });
    expect((await get("/eth/v1/config/spec")).body).toMatchObject({
      data: { SECONDS_PER_SLOT: "1", SLOTS_PER_EPOCH: "32", DEPOSIT_CHAIN_ID: "48221" },
    });
    expect((await get("/eth/v1/node/version")).body).toHaveProperty("data.version");
  });
});

test("a header's root is its SSZ hash tree root", () => {
  // The header of mainnet's genesis block and its root, as every beacon node serves them.
  const header = {
    slot: 0,
    proposerIndex: 0,
    parentRoot: hash(0),
    stateRoot: "0x7e76880eb67bbdc86250aa578958e9d0675e64e714337855204fb5abaaf82c2b",
    bodyRoot: "0xccb62460692be0ec813b56be97f68a82cf57abc102e27bf49ebf4190ff22eedd",
  } as const;
  expect(headerRoot(header)).toBe("0x4d611d5b93fdab69013a7f0a2f961caca0c853f87cfe9595fe50038163079360");
});

test("a header's slot and proposer are little-endian leaves of its tree", () => {
  const sha = (...parts: Buffer[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
  const leaf = (start: string) => Buffer.from(start.padEnd(64, "0"), "hex");
  const [parent, state, body] = [leaf("aa"), leaf("bb"), leaf("cc")];
  const left = sha(sha(leaf("0102"), leaf("07")), sha(parent, state));
  const right = sha(sha(body, leaf("")), sha(leaf(""), leaf("")));
  const root = (buffer: Buffer): Hex => `0x${buffer.toString("hex")}`;
  const header = {
    slot: 513,
    proposerIndex: 7,
    parentRoot: root(parent),
    stateRoot: root(state),
    bodyRoot: root(body),
  };
  expect(headerRoot(header)).toBe(root(sha(left, right)));
});
