import { describe, expect, test } from "vitest";
import type { PurposeId } from "../../../lifecycle/types.js";
import { sidecarOf } from "../../../protocol/blob-transaction.js";
import { blockTime, wei, type Hex } from "../../../schema/units.js";
import { BroadcastRefused, CallReverted, EstimateRefused, SendRefused } from "../../../sidecar/failures.js";
import { SendRefused as AnySendRefused } from "../../../lifecycle/errors.js";
import { decodeRaw } from "../../../sidecar/transactions/raw.js";
import { simulatedBlobs } from "../../simulation/account/signer.js";
import { identity } from "../journal/fixtures.js";
import { callFor, createWorld } from "./world.js";

const gwei = 1_000_000_000n;

describe("a purpose that is asked for again", () => {
  test("is not sent again once it succeeded, in this life or the next", async () => {
    const world = createWorld();
    const mined = await world.settled(world.transactions.send(callFor("ack")));
    expect(mined).toMatchObject({ status: "success", gasUsed: 40_000n });
    expect(await world.settled(world.transactions.send(callFor("ack")))).toEqual(mined);
    const next = await world.restart();
    expect(await world.settled(next.send(callFor("ack")))).toEqual(mined);
    expect(world.broadcasts).toEqual([mined.hash]);
  });

  test("is followed with the same bytes while it is open, also after a crash", async () => {
    const world = createWorld();
    world.node.withhold(true);
    void world.transactions.send(callFor("ack")).catch(() => undefined);
    await world.blocks(1);
    const [open] = world.journal.openTransactions();
    world.node.pools.drop(open!.hash);
    const next = await world.restart();
    world.node.withhold(false);
    const mined = await world.settled(next.send(callFor("ack")));
    expect(mined.hash).toBe(open!.hash);
    expect(new Set(world.broadcasts)).toEqual(new Set([mined.hash]));
  });

  test("keeps its nonce when bytes from before a crash are refused: they may have been taken then", async () => {
    let refuses = false;
    const world = createWorld({
      port: (node) => ({
        ...node,
        broadcast: (raw) =>
          refuses ? Promise.reject(new BroadcastRefused("funds", "insufficient funds")) : node.broadcast(raw),
      }),
    });
    world.node.withhold(true);
    void world.transactions.send(callFor("ack")).catch(() => undefined);
    await world.blocks(1);
    const [open] = world.journal.openTransactions();
    world.node.pools.drop(open!.hash);
    refuses = true;
    const next = await world.restart();
    void next.send(callFor("other")).catch(() => undefined);
    await world.blocks(5);
    expect(world.journal.openTransactions()).toEqual([open]);
    expect(world.journal.sentFor(callFor("other").purpose).map(({ nonce }) => nonce)).not.toContain(open!.nonce);
  });

  test("is signed anew at a new nonce after a revert, by a new call only", async () => {
    const world = createWorld();
    world.node.revertNext(callFor("ack").data, 1);
    expect(await world.settled(world.transactions.send(callFor("ack")))).toMatchObject({ status: "reverted" });
    expect(world.broadcasts).toHaveLength(1);
    const again = await world.settled(world.transactions.send(callFor("ack")));
    expect(again.status).toBe("success");
    expect(world.journal.sentFor(callFor("ack").purpose).map(({ nonce, outcome }) => [nonce, outcome])).toEqual([
      [0, "reverted"],
      [1, "mined"],
    ]);
  });

  test("is signed anew once another holder's transaction at its nonce is final, and not before", async () => {
    const world = createWorld();
    world.node.withhold(true);
    const sending = world.transactions.send(callFor("ack"));
    await world.blocks(1);
    world.node.plantForeign(0, "plain", 90n * gwei);
    world.node.withhold(false);
    await world.blocks(4);
    expect(world.journal.sentFor(callFor("ack").purpose).map(({ outcome }) => outcome)).toEqual(["open"]);
    expect((await world.settled(sending)).status).toBe("success");
    expect(world.journal.sentFor(callFor("ack").purpose).map(({ nonce, outcome }) => [nonce, outcome])).toEqual([
      [0, "dead"],
      [1, "mined"],
    ]);
  });

  test("is sent once when two ask at the same time", async () => {
    const world = createWorld();
    const both = Promise.all([world.transactions.send(callFor("ack")), world.transactions.send(callFor("ack"))]);
    const [one, other] = await world.settled(both);
    expect(one).toEqual(other);
    expect(world.broadcasts).toEqual([one.hash]);
  });
});

describe("a blob and the fork to cell proofs", () => {
  const answer = { purpose: callFor("answer").purpose, payload: Uint8Array.of(1, 2, 3) };
  const begin = 1_800_000_000_000; // the virtual clock's

  test("that was signed before the fork and never sent goes out after it, re-wrapped: the same transaction", async () => {
    let isDeaf = true;
    const seen: Hex[] = [];
    const world = createWorld({
      fork: { osakaAt: begin + 10_000, tells: true },
      port: (node) => ({
        ...node,
        broadcast: (raw) => {
          if (isDeaf) return new Promise(() => undefined);
          seen.push(raw);
          return node.broadcast(raw);
        },
      }),
    });
    void world.transactions.publish(answer).catch(() => undefined);
    await world.blocks(1);
    const [signed] = world.journal.openTransactions();
    expect(sidecarOf(signed!.raw)).toMatchObject({ kind: "blob" });
    await world.blocks(7);
    isDeaf = false;
    const next = await world.restart();
    const mined = await world.settled(next.publish(answer));
    expect(mined).toMatchObject({ hash: signed!.hash, status: "success" });
    expect(seen.map((raw) => sidecarOf(raw)?.kind)).toEqual(["cells"]);
    expect(world.journal.sentFor(answer.purpose)).toHaveLength(1);
  });

  test("that a pool took before the fork is replaced there at once: at its nonce, and mined once", async () => {
    const world = createWorld({
      fork: { osakaAt: begin + 10_000, tells: true },
      settings: { replaceAfterMs: 3_600_000 },
    });
    world.node.withhold(true);
    const publishing = world.transactions.publish(answer);
    await world.blocks(8);
    world.node.withhold(false);
    const mined = await world.settled(publishing);
    const [first, second, ...others] = world.journal.sentFor(answer.purpose);
    expect([first!.nonce, second!.nonce, others]).toEqual([0, 0, []]);
    expect([mined.hash, mined.status]).toEqual([second!.hash, "success"]);
    expect(world.node.achieved().get(mined.versionedHash)).toBe(1);
  });

  test.each([true, false])(
    "that a pool took before the fork at the highest price gets one price more; the node tells: %s",
    async (tells) => {
      const world = createWorld({ fork: { osakaAt: begin + 120_000, tells } });
      world.node.withhold(true);
      void world.transactions.publish(answer).catch(() => undefined);
      await world.blocks(55);
      expect(world.journal.sentFor(answer.purpose).length).toBeGreaterThanOrEqual(4);
      await world.restart();
      await world.blocks(10);
      world.node.withhold(false);
      const mined = await world.settled(world.transactions.publish(answer));
      const sent = world.journal.sentFor(answer.purpose).filter(({ outcome }) => outcome !== "dead");
      expect(sent).toHaveLength(5);
      expect(mined).toMatchObject({ status: "success", hash: sent[4]!.hash });
    },
  );

  test.each([true, false])(
    "that a pool took before the fork gets on after a restart too; the node tells: %s",
    async (tells) => {
      const world = createWorld({ fork: { osakaAt: begin + 10_000, tells } });
      world.node.withhold(true);
      void world.transactions.publish(answer).catch(() => undefined);
      await world.blocks(2);
      const next = await world.restart();
      await world.blocks(5);
      world.node.withhold(false);
      expect(await world.settled(next.publish(answer))).toMatchObject({ status: "success" });
      expect(world.journal.sentFor(answer.purpose).map(({ nonce }) => nonce)).toEqual([0, 0]);
    },
  );

  test("is signed once for a node that does not tell its rules: refused, re-wrapped and sent again", async () => {
    const refused: Hex[] = [];
    const world = createWorld({
      fork: { osakaAt: begin, tells: false },
      port: (node) => ({
        ...node,
        broadcast: async (raw) => {
          try {
            return await node.broadcast(raw);
          } catch (error) {
            refused.push(raw);
            throw error;
          }
        },
      }),
    });
    await world.blocks(1);
    const first = await world.settled(world.transactions.publish(answer));
    expect(world.journal.sentFor(answer.purpose).map(({ outcome }) => outcome)).toEqual(["mined"]);
    expect(refused.map((raw) => sidecarOf(raw)?.kind)).toEqual(["blob"]);
    const purpose = callFor("next").purpose;
    await world.settled(world.transactions.publish({ purpose, payload: Uint8Array.of(4) }));
    expect(refused).toHaveLength(1);
    expect(world.broadcasts).toHaveLength(2);
    expect(world.broadcasts[0]).toBe(first.hash);
  });

  test("is refused, not re-wrapped, where the settings name its proofs", async () => {
    const world = createWorld({ fork: { osakaAt: begin, tells: true }, settings: { blobProofs: "blob" } });
    await world.blocks(1);
    await expect(world.settled(world.transactions.publish(answer))).rejects.toMatchObject({
      code: "LF1230",
      kind: "proofs",
    });
    expect(world.broadcasts).toEqual([]);
    expect(world.journal.openTransactions()).toEqual([]);
  });
});

describe("nothing is sent", () => {
  test("when the contract would revert the call", async () => {
    const revert = { name: "Error", args: ["no such job"], contracts: [] } as const;
    const world = createWorld({
      port: (node) => ({ ...node, estimate: () => Promise.reject(new EstimateRefused(revert, "no")) }),
    });
    const refusal = world.settled(world.transactions.send(callFor("ack")));
    await expect(refusal).rejects.toBeInstanceOf(CallReverted);
    await expect(refusal).rejects.toBeInstanceOf(AnySendRefused);
    await expect(refusal).rejects.toMatchObject({ revert, purpose: callFor("ack").purpose });
    expect(world.journal.allTransactions()).toEqual([]);
  });

  test("when the balance does not cover it", async () => {
    const world = createWorld({
      port: (node) => ({ ...node, estimate: () => Promise.reject(new EstimateRefused(null, "funds")) }),
    });
    await expect(world.settled(world.transactions.send(callFor("topUp")))).rejects.toMatchObject({ kind: "funds" });
    expect(world.journal.allTransactions()).toEqual([]);
  });

  test("for a caller that gave up before its turn came", async () => {
    const world = createWorld();
    world.node.withhold(true);
    void world.transactions.publish({ purpose: "8200/w/blob/g1" as PurposeId, payload: Uint8Array.of(1) });
    await world.blocks(1);
    const giveUp = new AbortController();
    const waiting = world.transactions.send(callFor("ack"), giveUp.signal, "job");
    await world.blocks(1);
    giveUp.abort(new Error("the deadline is near"));
    await expect(world.settled(waiting)).rejects.toThrow("the deadline is near");
    world.node.withhold(false);
    await world.blocks(5);
    expect(world.journal.sentFor(callFor("ack").purpose)).toEqual([]);
  });
});

test("what was sent is followed even when nobody waits for it any more", async () => {
  const world = createWorld();
  world.node.withhold(true);
  const giveUp = new AbortController();
  const waiting = world.transactions.send(callFor("ack"), giveUp.signal);
  await world.blocks(1);
  giveUp.abort(new Error("too slow"));
  await expect(world.settled(waiting)).rejects.toThrow("too slow");
  world.node.withhold(false);
  await world.blocks(2);
  expect(world.journal.sentFor(callFor("ack").purpose)).toMatchObject([{ outcome: "mined" }]);
});

test("a plain transaction waits until the blob before it is mined, and goes out at once then", async () => {
  const world = createWorld();
  world.node.withhold(true);
  const blob = world.transactions.publish({ purpose: "8200/w/blob/g1" as PurposeId, payload: Uint8Array.of(1) });
  await world.blocks(1);
  const complete = world.transactions.send(callFor("complete"), undefined, "job");
  await world.blocks(1);
  expect(world.node.pools.all().map(({ draft }) => draft.lane)).toEqual(["blob"]);
  world.node.withhold(false);
  const [first, second] = await world.settled(Promise.all([blob, complete]));
  expect(second.block - first.block).toBeLessThanOrEqual(2n);
});

test("a transaction that waited long for its turn is not given up for the moment in which the pool is not yet free", async () => {
  let refusals = 0;
  const world = createWorld({
    port: (node) => ({
      ...node,
      broadcast: (raw) =>
        node.broadcast(raw).catch((error: unknown) => {
          refusals++;
          throw error;
        }),
    }),
  });
  world.node.withhold(true);
  const blob = world.transactions.publish({ purpose: "8200/w/blob/g1" as PurposeId, payload: Uint8Array.of(1) });
  await world.blocks(1);
  const complete = world.transactions.send(callFor("complete"), undefined, "job");
  await world.blocks(20);
  refusals = 0;
  world.node.pools.lagMs = 5_000;
  world.node.withhold(false);
  expect((await world.settled(Promise.all([blob, complete])))[1].status).toBe("success");
  expect(refusals).toBeGreaterThan(0);
});

test("several transactions of one class are in flight together, at nonces without gaps", async () => {
  const world = createWorld();
  const names = ["one", "two", "three", "four"];
  const all = await world.settled(Promise.all(names.map((name) => world.transactions.send(callFor(name)))));
  expect(new Set(all.map(({ block }) => block)).size).toBe(1);
  expect(world.journal.allTransactions().map(({ nonce }) => nonce)).toEqual([0, 1, 2, 3]);
});

describe("a blob", () => {
  const answer = { purpose: "8200/w/blob/g1/7" as PurposeId, payload: Uint8Array.of(1, 2, 3) };

  test("tells its hash each time, also when its bytes are gone", async () => {
    const world = createWorld();
    const { versionedHash } = await simulatedBlobs.build(answer.payload);
    const first = await world.settled(world.transactions.publish(answer));
    expect(first.versionedHash).toBe(versionedHash);
    world.journal.settle(first.hash, "mined", { block: 1_000_000n, fee: first.fee });
    const next = await world.restart();
    expect(await world.settled(next.publish(answer))).toMatchObject({ versionedHash, hash: first.hash });
    expect(world.node.achieved().get(versionedHash)).toBe(1);
  });

  test("that waits too long is replaced by the same blob for twice the fees", async () => {
    const world = createWorld();
    world.node.withhold(true);
    const publishing = world.transactions.publish(answer);
    await world.blocks(6);
    world.node.withhold(false);
    const mined = await world.settled(publishing);
    const [first, second] = world.journal.sentFor(answer.purpose).map(({ raw }) => decodeRaw(raw));
    expect(second?.body).toEqual(first?.body);
    expect(first?.fees).toMatchObject({ maxFeePerGas: 100n * gwei, maxFeePerBlobGas: gwei });
    expect(second?.fees).toMatchObject({ maxFeePerGas: 200n * gwei, maxFeePerBlobGas: 2n * gwei });
    expect(world.journal.sentFor(answer.purpose)[1]?.hash).toBe(mined.hash);
  });
});

test("a replaced transaction is recognised when the first of its hashes is mined after all", async () => {
  const world = createWorld();
  world.node.withhold(true);
  const sending = world.transactions.send(callFor("ack"));
  await world.blocks(1);
  const [first] = world.node.pools.all();
  await world.blocks(5);
  const { purpose } = callFor("ack");
  expect(world.journal.sentFor(purpose).length).toBeGreaterThan(1);
  world.node.pools.plain.set(0, first!);
  world.node.withhold(false);
  expect((await world.settled(sending)).hash).toBe(first!.hash);
  await world.blocks(10);
  expect(world.journal.sentFor(purpose).map(({ outcome }) => outcome)).toEqual([
    "mined",
    ...new Array<string>(world.journal.sentFor(purpose).length - 1).fill("dead"),
  ]);
});

test("a chain that makes no blocks is no reason to pay more", async () => {
  const world = createWorld();
  world.node.stall(true);
  void world.transactions.send(callFor("ack"));
  await world.clock.run(60_000);
  expect(world.journal.sentFor(callFor("ack").purpose)).toHaveLength(1);
});

test("a mined transaction that a reorganisation takes back is open again, and mined again", async () => {
  const world = createWorld();
  const mined = await world.settled(world.transactions.send(callFor("ack")));
  world.node.withhold(true);
  world.node.reorganise(2);
  world.node.pools.drop(mined.hash);
  await world.blocks(2);
  expect(world.journal.openTransactions().map(({ hash }) => hash)).toEqual([mined.hash]);
  world.node.withhold(false);
  await world.blocks(3);
  expect(world.journal.sentFor(callFor("ack").purpose)).toMatchObject([{ hash: mined.hash, outcome: "mined" }]);
  expect(world.node.achieved().get(callFor("ack").data)).toBe(1);
});

test("what a reorganisation mines anew, and fails this time, is known as soon as it is asked for again, and signed anew", async () => {
  const world = createWorld();
  const { hash } = await world.settled(world.transactions.send(callFor("ack")));
  world.node.revertNext(callFor("ack").data, 1);
  world.node.reorganise(2);
  expect(await world.settled(world.transactions.send(callFor("ack")))).toMatchObject({ status: "success" });
  const [first, second] = world.journal.sentFor(callFor("ack").purpose);
  expect([first, second]).toMatchObject([{ hash, outcome: "reverted" }, { outcome: "mined" }]);
  expect(world.node.achieved().get(callFor("ack").data)).toBe(1);
});

test("a sweep moves the whole balance less exactly its fee, and runs alone", async () => {
  const balance = 3n * 10n ** 18n + 7n;
  const world = createWorld({
    port: (node) => ({ ...node, balance: () => Promise.resolve(balance), estimate: () => Promise.resolve(21_000n) }),
  });
  world.node.withhold(true);
  const sweep = world.transactions.send(callFor("sweep", { sweep: true, data: "0x", value: wei(balance) }));
  await world.blocks(1);
  void world.transactions.send(callFor("late"));
  await world.blocks(5);
  world.node.withhold(false);
  await world.settled(sweep);
  const sent = world.journal.sentFor(callFor("sweep").purpose).map(({ raw }) => decodeRaw(raw));
  expect(sent.length).toBeGreaterThan(1);
  for (const draft of sent)
    if (draft.lane === "plain") expect(draft.body.value + draft.body.gas * draft.fees.gasPrice).toBe(balance);
  expect(world.journal.allTransactions()[0]?.purpose).toBe(callFor("sweep").purpose);
});

test("a sweep of less than its own fee is refused", async () => {
  const world = createWorld({
    port: (node) => ({ ...node, balance: () => Promise.resolve(1_000n), estimate: () => Promise.resolve(21_000n) }),
  });
  await expect(
    world.settled(world.transactions.send(callFor("sweep", { sweep: true, data: "0x" }))),
  ).rejects.toBeInstanceOf(SendRefused);
});

describe("a journal is stale", () => {
  test("when the key was used by somebody else, until its own transactions are the newest again", async () => {
    const world = createWorld();
    expect(await world.settled(world.transactions.useOfKey())).toBe("ours");
    await world.settled(world.transactions.send(callFor("ack")));
    expect(await world.settled(world.transactions.useOfKey())).toBe("ours");
    world.node.plantForeign(1, "plain", 90n * gwei);
    await world.blocks(2);
    expect(await world.settled(world.transactions.useOfKey())).toBe("foreign");
    const next = await world.restart();
    expect(await world.settled(next.useOfKey())).toBe("foreign");
    await world.settled(next.send(callFor("release")));
    expect(await world.settled(next.useOfKey())).toBe("ours");
  });
});

describe("who has used the key", () => {
  test("is no question for nonces that the epoch vouches for: a former holder's, and what it left in the pools", async () => {
    const world = createWorld();
    world.node.plantForeign(0, "plain", 90n * gwei);
    await world.blocks(2);
    expect(await world.settled(world.transactions.useOfKey())).toBe("foreign");
    world.journal.setEpoch(2, 2, blockTime(7n));
    world.node.plantForeign(1, "plain", 90n * gwei);
    await world.blocks(2);
    expect(await world.settled(world.transactions.useOfKey())).toBe("ours");
    world.node.plantForeign(2, "plain", 90n * gwei);
    await world.blocks(2);
    expect(await world.settled(world.transactions.useOfKey())).toBe("foreign");
  });

  test("is unclear while the newest used nonce is one we have signed for and none of our bytes was mined there", async () => {
    const world = createWorld();
    world.node.withhold(true);
    void world.transactions.send(callFor("ack")).catch(() => undefined);
    await world.blocks(1);
    world.node.plantForeign(0, "plain", 90n * gwei);
    world.node.withhold(false);
    await world.blocks(1);
    expect(await world.settled(world.transactions.useOfKey())).toBe("unclear");
  });
});

test("what a former holder left hanging in the other pool is replaced after a while", async () => {
  const world = createWorld();
  world.node.plantForeign(0, "blob", 50_000_000n);
  const mined = await world.settled(world.transactions.send(callFor("ack")));
  expect(mined.status).toBe("success");
  expect(
    world.journal.allTransactions().some(({ purpose, lane }) => purpose.includes("/fill/") && lane === "blob"),
  ).toBe(true);
});

test("closing rejects whoever waits and leaves what is open to the next life", async () => {
  const world = createWorld();
  world.node.withhold(true);
  const sending = world.transactions.send(callFor("ack"));
  await world.blocks(1);
  const rejected = expect(sending).rejects.toThrow("stopping");
  await world.settled(world.transactions.close());
  await rejected;
  expect(world.journal.openTransactions()).toHaveLength(1);
  expect(identity.worker).toBe(world.journal.openTransactions()[0]?.from);
});

test("a filler that could not be written down keeps no lane", async () => {
  const world = createWorld();
  const record = world.journal.recordSent.bind(world.journal);
  let isFull = true;
  Object.assign(world.journal, {
    recordSent: (sent: Parameters<typeof record>[0]) => {
      if (isFull && sent.purpose.includes("/fill/")) throw new Error("no room");
      record(sent);
    },
  });
  world.node.plantForeign(0, "blob", 50_000_000n);
  await world.settled(world.transactions.send(callFor("ack")).catch(() => undefined));
  isFull = false;
  world.node.pools.blob.clear();
  await world.settled(world.transactions.send(callFor("release")));
  const mined = await world.settled(
    world.transactions.publish({ purpose: callFor("blob").purpose, payload: Uint8Array.of(1, 2, 3) }),
  );
  expect(mined.status).toBe("success");
});
