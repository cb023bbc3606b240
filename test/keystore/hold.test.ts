import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decideHold, isHeldBy, takeHold, type DeathProof, type HoldOptions, type Taker } from "../../keystore/hold.js";
import type { WorkerRecord } from "../../keystore/store.js";
import { newWorker, temporaryStore } from "./fixtures.js";

const place = (sealKey: string) => ({ sealKey, reference: `{"root":"/${sealKey}"}` });
const host = (name: string, sealKey = name): Exclude<Taker, "nobody"> => ({ host: name, place: place(sealKey) });
type Held = Pick<WorkerRecord, "holder" | "holderAt" | "epoch">;
const free: Held = { holder: null, epoch: 3 };
const heldBy = (name: string, sealKey = name): Held => ({ holder: name, holderAt: place(sealKey), epoch: 3 });
const dead: DeathProof = { dead: true, how: "its service is stopped" };
const alive: DeathProof = { dead: false, how: "its service is running" };

describe("who may have a key", () => {
  test.each<
    [situation: string, record: Held, taker: Taker, told: string | undefined, proof: DeathProof | null, then: object]
  >([
    [
      "a host takes a free key under the next epoch",
      free,
      host("a"),
      undefined,
      null,
      { kind: "take", epoch: 4, because: "free" },
    ],
    ["nobody needs to take a free key", free, "nobody", undefined, null, { kind: "keep", epoch: 3 }],
    ["the holder keeps its epoch", heldBy("a"), host("a"), undefined, null, { kind: "keep", epoch: 3 }],
    ["another host is refused", heldBy("a"), host("b"), undefined, null, { kind: "refused", holder: "a", epoch: 3 }],
    [
      "a host of the same name in another folder is another host",
      heldBy("a", "1"),
      host("a", "2"),
      undefined,
      null,
      { kind: "refused", holder: "a" },
    ],
    [
      "it is refused while the former one lives",
      heldBy("a"),
      host("b"),
      undefined,
      alive,
      { kind: "refused", how: alive.how },
    ],
    [
      "it takes over when the former one is proven stopped",
      heldBy("a"),
      host("b"),
      undefined,
      dead,
      { kind: "take", epoch: 4, because: "proven" },
    ],
    [
      "it takes over when the operator says so",
      heldBy("a"),
      host("b"),
      "a#3",
      alive,
      { kind: "take", epoch: 4, because: "told" },
    ],
    ["a word about another epoch is none", heldBy("a"), host("b"), "a#2", null, { kind: "refused" }],
    ["a word about another host is none", heldBy("a"), host("b"), "b#3", null, { kind: "refused" }],
    [
      "the provider may not sign while a host holds the key",
      heldBy("a"),
      "nobody",
      undefined,
      alive,
      { kind: "refused", holder: "a" },
    ],
    [
      "the provider signs once the holder is proven stopped",
      heldBy("a"),
      "nobody",
      undefined,
      dead,
      { kind: "take", epoch: 4 },
    ],
    [
      "the operator's word renews the holder's own epoch: a copy of it is gone",
      heldBy("a"),
      host("a"),
      "a#3",
      null,
      { kind: "take", epoch: 4, because: "told" },
    ],
    [
      "a record of an older version knows the name alone",
      { holder: "a", epoch: 3 },
      host("a"),
      undefined,
      null,
      { kind: "keep" },
    ],
  ])("%s", (_, record, taker, told, proof, then) => {
    expect(decideHold(record, taker, { told, proof })).toMatchObject(then);
  });

  test("an epoch never falls, and whoever gets the key gets an epoch that nobody else had", () => {
    const name = fc.constantFrom("a", "b");
    const taker = fc.oneof(
      fc.constant("nobody" as const),
      fc.tuple(name, name).map(([one, key]) => host(one, key)),
    );
    const record = fc.oneof(
      fc.constant(free),
      fc.tuple(name, name).map(([one, key]) => heldBy(one, key)),
    );
    const proof = fc.constantFrom(null, dead, alive);
    const told = fc.constantFrom(undefined, "a#3", "b#3", "a#2");
    fc.assert(
      fc.property(record, taker, told, proof, (held, by, word, known) => {
        const decision = decideHold(held, by, { told: word, proof: known });
        if (decision.kind === "take") expect(decision.epoch).toBe(held.epoch + 1);
        else expect(decision.epoch).toBe(held.epoch);
        const mayBeTaken = held.holder === null || word === `${held.holder}#3` || known?.dead === true;
        if (decision.kind !== "refused") expect(mayBeTaken || isHeldBy(held, by)).toBe(true);
      }),
    );
  });
});

describe("taking it", () => {
  const options = (more: Partial<HoldOptions> = {}): HoldOptions => ({
    told: undefined,
    wayOut: (holder) => `LIGHTCHAIN_HOLDER_GONE=${holder} pulumi up`,
    ...more,
  });
  const storeWith = async () => {
    const { store } = await temporaryStore();
    const ref = "worker/8200/home" as const;
    await store.create(ref, newWorker());
    return { store, ref };
  };

  test("writes down who holds it, where, and since which epoch; and nothing when that is so already", async () => {
    const { store, ref } = await storeWith();
    expect(await takeHold(store, ref, host("a"), options())).toMatchObject({ epoch: 1, because: "free" });
    const { record, version } = await store.read(ref, "worker");
    expect(record).toMatchObject({ holder: "a", holderAt: place("a"), epoch: 1 });
    expect(await takeHold(store, ref, host("a"), options())).toMatchObject({ epoch: 1, because: null });
    expect((await store.read(ref, "worker")).version).toBe(version);
  });

  test("writes down another way to the very host that holds it, and gives it no other epoch for that", async () => {
    const { store, ref } = await storeWith();
    await takeHold(store, ref, host("a"), options());
    const moved = { host: "a", place: { sealKey: "a", reference: `{"root":"/a","address":"elsewhere"}` } };
    expect(await takeHold(store, ref, moved, options())).toMatchObject({ epoch: 1, because: null });
    expect((await store.read(ref, "worker")).record.holderAt).toEqual(moved.place);
  });

  test("asks the former holder where the record says it is, and says why it is refused and what to run", async () => {
    const { store, ref } = await storeWith();
    await takeHold(store, ref, host("a"), options());
    const asked: unknown[] = [];
    const ask = async (at: unknown) => {
      asked.push(at);
      return alive;
    };
    await expect(takeHold(store, ref, host("b"), options({ ask }))).rejects.toThrow(
      /LF1504: Worker home is held by host a \(epoch 1\).*its service is running.*LIGHTCHAIN_HOLDER_GONE=a#1 pulumi up/,
    );
    expect(asked).toEqual([place("a")]);
    expect(await takeHold(store, ref, host("b"), options({ ask: async () => dead }))).toMatchObject({ epoch: 2 });
  });

  test("by nobody leaves no holder behind, under an epoch that no host was ever given", async () => {
    const { store, ref } = await storeWith();
    await takeHold(store, ref, host("a"), options());
    expect(await takeHold(store, ref, "nobody", options({ told: "a#1" }))).toMatchObject({ epoch: 2, because: "told" });
    const { record } = await store.read(ref, "worker");
    expect(record).toMatchObject({ holder: null, epoch: 2 });
    expect(record.holderAt).toBeUndefined();
    expect(await takeHold(store, ref, host("a"), options())).toMatchObject({ epoch: 3, because: "free" });
  });
});
