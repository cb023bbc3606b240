import { describe, expect, test } from "vitest";
import type { Call, PurposeId } from "../../../lifecycle/types.js";
import { identity } from "../journal/fixtures.js";
import { callFor, createWorld, type World } from "./world.js";

describe("a blob that a reorganisation takes back while plain transactions of ours wait behind it", () => {
  const id = `8200/${identity.worker.toLowerCase()}`;
  const answer = { purpose: `${id}/answer/g0/7` as PurposeId, payload: Uint8Array.of(7) };
  const completion = callFor("completion", { purpose: `${id}/complete/g0/7` as PurposeId });
  /** The answer is mined, and its block taken back; the call waits in the pool, which keeps the account. */
  const lockedOut = async (world: World, call: Call): Promise<{ sending: Promise<unknown> }> => {
    const { hash } = await world.settled(world.transactions.publish(answer));
    world.node.withhold(true);
    const sending = world.transactions.send(call);
    sending.catch(() => undefined); // whoever waits for it has a handler of their own
    await world.blocks(1);
    world.node.reorganise(3);
    world.node.pools.drop(hash);
    await world.blocks(1);
    world.node.withhold(false);
    return { sending };
  };
  const minedAt = (world: World, purpose: PurposeId): bigint =>
    world.journal.sentFor(purpose).find(({ outcome }) => outcome === "mined")!.mined!.block;

  test("is mined anew, and its completion after it, once each", async () => {
    const world = createWorld();
    const { sending } = await lockedOut(world, completion);
    await world.settled(sending);
    expect(minedAt(world, answer.purpose)).toBeLessThan(minedAt(world, completion.purpose));
    await world.blocks(7);
    expect([...world.node.achieved().values()].every((times) => times === 1)).toBe(true);
    expect(world.node.achieved().get(completion.data)).toBe(1);
    expect(world.journal.openTransactions()).toEqual([]);
  });

  test("is mined anew behind calls that do not depend on it, which keep their nonces", async () => {
    const world = createWorld();
    const claim = callFor("claim");
    const { sending } = await lockedOut(world, claim);
    await world.settled(sending);
    await world.blocks(8);
    expect(world.journal.sentFor(claim.purpose)).toHaveLength(1);
    expect(minedAt(world, answer.purpose)).toBeGreaterThan(minedAt(world, claim.purpose));
    expect(world.journal.openTransactions()).toEqual([]);
  });

  test("is waited for by its completion also when the process died meanwhile", async () => {
    const world = createWorld();
    await lockedOut(world, completion);
    const again = await world.restart();
    const sending = again.send(completion);
    await world.blocks(6);
    expect(world.node.achieved().get(completion.data)).toBeUndefined();
    await world.settled(Promise.all([again.publish(answer), sending]));
    expect(minedAt(world, answer.purpose)).toBeLessThan(minedAt(world, completion.purpose));
  });

  test.each([false, true])(
    "and its completion too, when both were mined and the job is over: both are mined anew (restart: %s)",
    async (dies) => {
      const world = createWorld();
      const { hash } = await world.settled(world.transactions.publish(answer));
      await world.settled(world.transactions.send(completion));
      world.node.withhold(true);
      world.node.reorganise(3);
      world.node.pools.drop(hash);
      const [completed] = world.journal.sentFor(completion.purpose);
      await world.settled(world.node.port().broadcast(completed!.raw));
      const areOpen = () =>
        [answer.purpose, completion.purpose].every((one) => world.journal.sentFor(one)[0]!.outcome === "open");
      await world.clock.runUntil(areOpen, 60_000, "taken back");
      if (dies) await world.restart(); // nobody asks for either again: the job's row says that it is completed
      world.node.withhold(false);
      await world.blocks(40);
      expect(world.node.achieved().get(completion.data)).toBe(1);
      expect(minedAt(world, answer.purpose)).toBeLessThan(minedAt(world, completion.purpose));
    },
  );
});
