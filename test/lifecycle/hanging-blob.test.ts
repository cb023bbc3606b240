import { keccak256, parseTransaction, type Hex } from "viem";
import { describe, expect, test } from "vitest";
import { sidecarOf, type ProofKind } from "../../protocol/blob-transaction.js";
import { bidFor, broadcastStored, replaceHangingBlobs, type BlobBid } from "../../lifecycle/hanging-blob.js";
import { openLedger } from "../../lifecycle/ledger.js";
import type { Broadcast, SenderNode, TxReceipt } from "../../lifecycle/node.js";
import { wei } from "../../schema/units.js";
import { newWorker } from "../keystore/fixtures.js";
import { memoryStore } from "./memory-store.js";
import { gwei } from "./situations.js";

const ref = "worker/8200/home";
const limit = 100n * gwei;

/** What hangs in the node's pool at one nonce: a blob with its fees, or a plain transaction. `until`: when it is mined by itself, ms. */
interface Hanging {
  readonly fees: BlobBid | "plain";
  readonly until?: number;
}

/** A node with a blob pool like geth's: a blob gives way to one that pays twice as much in all three fees, and is mined a moment later. */
function setting(hanging: readonly Hanging[], answers: readonly Broadcast[] = []) {
  const record = newWorker();
  let now = 0;
  const clock = {
    now: () => now,
    sleep: async (ms: number) => {
      now += ms;
      mine();
    },
  };
  const pool = hanging.map(({ fees, until }) => ({ fees, until, hash: null as Hex | null }));
  const receipts = new Map<Hex, TxReceipt>();
  const broadcasts: BlobBid[] = [];
  const script = [...answers];
  let latest = 0;
  const mine = (): void => {
    for (; latest < pool.length; latest++) {
      const { hash, until } = pool[latest]!;
      if (hash === null && !(until !== undefined && now >= until)) return;
      if (hash !== null)
        receipts.set(hash, { hash, block: 7n, status: "success", gasUsed: 21_000n, fee: wei(21_000n * gwei) });
    }
  };
  const refused = (reason: string): Broadcast => ({ kind: "refused", reason });
  const node: SenderNode = {
    nonce: async (_, at) => (at === "pending" ? pool.length : latest),
    balance: async () => wei(10n ** 18n),
    gasPrice: async () => 2n * gwei,
    estimate: () => Promise.reject(new Error("nothing is estimated")),
    receipt: async (hash) => receipts.get(hash) ?? null,
    timeOf: () => Promise.reject(new Error("no time is asked for")),
    knows: async (hash) => pool.some((one) => one.hash === hash),
    broadcast: async (raw) => {
      const tx = parseTransaction(raw as `0x03${string}`);
      if (tx.sidecars?.length !== 1) return refused("blob transaction without its blob");
      const bid = {
        maxFeePerGas: tx.maxFeePerGas!,
        maxPriorityFeePerGas: tx.maxPriorityFeePerGas!,
        maxFeePerBlobGas: tx.maxFeePerBlobGas!,
      };
      broadcasts.push(bid);
      const scripted = script.shift();
      if (scripted) return scripted;
      const there = pool[tx.nonce!]!;
      if (there.fees === "plain") return refused("address already reserved");
      const { fees } = there;
      const beaten = (Object.keys(bid) as (keyof BlobBid)[]).every((fee) => bid[fee] >= 2n * fees[fee]);
      if (!beaten) return { kind: "underpriced" };
      there.fees = bid;
      there.hash = keccak256(`0x03${stripped(raw)}`);
      return { kind: "held" };
    },
  };
  const store = memoryStore(ref, record, clock, () => undefined);
  return {
    broadcasts,
    latest: () => latest,
    sent: async () => (await store.read(ref, "worker")).record.sent,
    replace: async () =>
      replaceHangingBlobs({
        ledger: await openLedger(store, ref),
        node,
        clock,
        chainId: 8200,
        maxGasPrice: limit,
        timeoutMs: 60_000,
        replaceAfterMs: 20_000,
        pollMs: 1_000,
      }),
  };
}
/** The bytes of the first item of a list in network form, by hand: `0xf9` and two bytes of length here. */
const stripped = (raw: Hex): string => {
  const outer = 2 * (parseInt(raw.slice(4, 6), 16) - 0xf7 + 1);
  const at = 4 + outer;
  const head = parseInt(raw.slice(at, at + 2), 16);
  const lengthBytes = head - 0xf7;
  const length = parseInt(raw.slice(at + 2, at + 2 + 2 * lengthBytes), 16);
  return raw.slice(at, at + 2 + 2 * lengthBytes + 2 * length);
};
/** What a sidecar offers at first, doubled so often. */
const sidecars = (doublings: number): BlobBid => bidFor(doublings, gwei, limit);

describe("a blob that a former holder left hanging", () => {
  test.each([0, 1, 3])("and had raised %i times gives way to an empty one that pays twice as much", async (times) => {
    const { replace, latest, sent, broadcasts } = setting([{ fees: sidecars(times) }]);
    await replace();
    expect(latest()).toBe(1);
    const all = await sent();
    expect(all.map(({ outcome }) => outcome)).toEqual([...Array<string>(times + 1).fill("dead"), "mined"]);
    expect(
      new Set(all.map(({ nonce, purpose, lane }) => `${nonce} ${purpose.split("/").slice(2).join("/")} ${lane}`)),
    ).toEqual(new Set(["0 fill/g0/n0 blob"]));
    expect(broadcasts.length).toBe(times + 2);
  });

  test("is followed by the next one", async () => {
    const { replace, latest } = setting([{ fees: sidecars(0) }, { fees: sidecars(1) }]);
    await replace();
    expect(latest()).toBe(2);
  });

  test("and is mined before it is replaced is no trouble", async () => {
    const { replace, sent } = setting(
      [{ fees: sidecars(0), until: 5_000 }],
      Array(6).fill({ kind: "unclear", reason: "?" }),
    );
    await replace();
    expect((await sent()).map(({ outcome }) => outcome)).toEqual(["dead"]);
  });

  test("and pays more than may be bid is told as such, with nothing bid beyond the bound", async () => {
    const { replace, broadcasts } = setting([{ fees: sidecars(9) }]);
    await expect(replace()).rejects.toMatchObject({ code: "LF1239", nonce: 0 });
    expect(broadcasts.at(-1)?.maxFeePerGas).toBe(limit * 64n);
    await expect(replace()).rejects.toMatchObject({ code: "LF1239" });
  });

  test("is told as such when the key cannot pay for a replacement", async () => {
    const { replace } = setting([{ fees: sidecars(0) }], [{ kind: "refused", reason: "insufficient funds" }]);
    await expect(replace()).rejects.toMatchObject({
      code: "LF1239",
      message: expect.stringContaining("funds") as string,
    });
  });

  test("is bid for from where an interrupted run stopped", async () => {
    const { replace, sent, broadcasts } = setting(
      [{ fees: sidecars(1) }],
      [{ kind: "underpriced" }, { kind: "refused", reason: "x" }],
    );
    await expect(replace()).rejects.toMatchObject({ code: "LF1239" });
    expect((await sent()).length).toBe(2);
    await replace();
    expect(broadcasts.map(({ maxFeePerBlobGas }) => maxFeePerBlobGas / gwei)).toEqual([1n, 2n, 2n, 4n]);
  });
});

test("a plain transaction that hangs is left for a plain one to replace", async () => {
  const { replace, latest, sent } = setting([{ fees: "plain" }]);
  await replace();
  expect([latest(), (await sent()).map(({ outcome }) => outcome)]).toEqual([0, ["dead"]]);
});

test("where nothing hangs, nothing is signed", async () => {
  const { replace, sent } = setting([]);
  await replace();
  expect(await sent()).toEqual([]);
});

describe("stored bytes", () => {
  const takes = (kind: ProofKind) => {
    const offered: (ProofKind | undefined)[] = [];
    const broadcast = (raw: Hex): Promise<Broadcast> => {
      offered.push(raw.startsWith("0x03") ? sidecarOf(raw)?.kind : undefined);
      const reason = `unexpected sidecar version, want: ${kind === "cells" ? "1, got: 0" : "0, got: 1"}`;
      return Promise.resolve(offered.at(-1) === kind ? { kind: "held" } : { kind: "refused", reason });
    };
    return { offered, node: { broadcast } as SenderNode };
  };

  test.each<[asked: ProofKind, offered: ProofKind[]]>([
    ["blob", ["blob"]],
    ["cells", ["blob", "cells"]],
  ])("of an empty blob go out with the proofs that the chain asks for: %s", async (asked, expected) => {
    const { replace, sent } = setting([{ fees: sidecars(0) }]);
    await replace();
    const { node, offered } = takes(asked);
    expect(await broadcastStored((await sent())[0]!.raw, node)).toEqual({ kind: "held" });
    expect(offered).toEqual(expected);
  });

  test("of a plain transaction go out as they are", async () => {
    const { node, offered } = takes("blob");
    await broadcastStored("0xf86c", node);
    expect(offered).toEqual([undefined]);
  });
});
