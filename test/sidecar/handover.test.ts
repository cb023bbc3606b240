import { pino } from "pino";
import { expect, test } from "vitest";
import { blockTime } from "../../schema/units.js";
import { markHandover } from "../../sidecar/startup/handover.js";
import { identity } from "./journal/fixtures.js";
import { createWorld } from "./transactions/world.js";

test("an epoch is marked at a nonce that its former holder has not signed for", async () => {
  const world = createWorld();
  world.node.withhold(true);
  world.node.plantForeign(0, "plain", 100_000_000n); // left in the pool, at a price at which nothing gets on
  world.journal.setEpoch(2, 1, blockTime(7n));
  const parts = {
    ports: { transactions: world.transactions, chain: { chainId: 8200 } },
    journal: world.journal,
    identity: { worker: identity.worker, epoch: 2 },
    log: pino({ level: "silent" }),
  };
  const marking = markHandover(
    parts as unknown as Parameters<typeof markHandover>[0],
    { registration: {} } as Parameters<typeof markHandover>[1],
  );
  await world.clock.run(1_000);
  world.node.withhold(false);
  await world.settled(marking);
  const marks = world.journal
    .allTransactions()
    .filter(({ purpose, outcome }) => purpose.includes("/handover/") && outcome === "mined");
  expect(Math.max(...marks.map(({ nonce }) => nonce))).toBeGreaterThanOrEqual(1);
});
