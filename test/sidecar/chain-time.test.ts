import { expect, test } from "vitest";
import { blockTime } from "../../schema/units.js";
import { createChainTime, DeadlinePassed } from "../../sidecar/chain-time.js";
import { createVirtualClock } from "../simulation/virtual-clock.js";

const head = (number: bigint, seconds: bigint) => ({ number, hash: "0x00" as const, time: blockTime(seconds) });
const never = new AbortController().signal;

test("the chain's clock runs on between blocks, whatever the machine's date is", async () => {
  const clock = createVirtualClock(0);
  const time = createChainTime(clock);
  time.hear(head(1n, 5_000n));
  expect(time.msUntil(blockTime(5_010n))).toBe(10_000);
  await clock.run(4_000);
  expect(time.msUntil(blockTime(5_010n))).toBe(6_000);
  expect(time.now()).toBe(5_004n);
});

test("nothing is late before the first block is heard", () => {
  expect(createChainTime(createVirtualClock()).msUntil(blockTime(1n))).toBe(Infinity);
});

test("an older block is not listened to", () => {
  const time = createChainTime(createVirtualClock());
  time.hear(head(9n, 90n));
  time.hear(head(8n, 80n));
  expect(time.head?.number).toBe(9n);
  expect(time.atOrBefore(8n)).toBeNull();
  expect(time.atOrBefore(12n)?.number).toBe(9n);
});

test("a deadline aborts its margin before the time has come", async () => {
  const clock = createVirtualClock();
  const time = createChainTime(clock);
  time.hear(head(1n, 100n));
  const { signal } = time.deadline(blockTime(110n), 3_000, never);
  await clock.run(6_999);
  expect(signal.aborted).toBe(false);
  await clock.run(1);
  expect(signal.reason).toBeInstanceOf(DeadlinePassed);
});

test("a deadline follows a chain whose time leaps", async () => {
  const clock = createVirtualClock();
  const time = createChainTime(clock);
  time.hear(head(1n, 100n));
  const { signal } = time.deadline(blockTime(10_000n), 0, never);
  time.hear(head(2n, 10_001n));
  await clock.run(0);
  expect(signal.aborted).toBe(true);
});

test("a deadline that was ended never aborts, one whose parent aborts does at once", async () => {
  const clock = createVirtualClock();
  const time = createChainTime(clock);
  time.hear(head(1n, 100n));
  const ended = time.deadline(blockTime(101n), 0, never);
  ended.end();
  const parent = new AbortController();
  const child = time.deadline(blockTime(200n), 0, parent.signal);
  parent.abort(new Error("stopping"));
  await clock.run(5_000);
  expect(ended.signal.aborted).toBe(false);
  expect((child.signal.reason as Error).message).toBe("stopping");
});
