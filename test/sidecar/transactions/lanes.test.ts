import fc from "fast-check";
import { expect, test } from "vitest";
import type { Urgency } from "../../../sidecar/ports.js";
import { createLanes, type LaneClass, type LaneHold, type Lanes } from "../../../sidecar/transactions/lanes.js";

/** Enters, and notes in `order` when its turn came. */
function visit(
  lanes: Lanes,
  order: string[],
  name: string,
  lane: LaneClass,
  urgency: Urgency = "job",
): Promise<LaneHold> {
  return lanes.enter(lane, urgency).then((hold) => {
    order.push(name);
    return hold;
  });
}
const settled = () => new Promise(setImmediate);

test("transactions of one class run together, another class waits until all are out", async () => {
  const lanes = createLanes();
  const order: string[] = [];
  const first = await visit(lanes, order, "blob 1", "blob");
  const second = await visit(lanes, order, "blob 2", "blob");
  const plain = visit(lanes, order, "plain", "plain");
  first.leave();
  first.leave();
  await settled();
  expect(order).toEqual(["blob 1", "blob 2"]);
  second.leave();
  await plain;
  expect(order).toEqual(["blob 1", "blob 2", "plain"]);
});

test("the most urgent decides whose turn is next, and all of its class come with it", async () => {
  const lanes = createLanes();
  const order: string[] = [];
  const running = lanes.occupy("plain");
  for (const [name, lane, urgency] of [
    ["a withdrawal", "alone", "settlement"],
    ["a claim's blob", "blob", "claim"],
    ["an answer's blob", "blob", "job"],
  ] as const)
    void visit(lanes, order, name, lane, urgency);
  void visit(lanes, order, "a claim", "plain", "claim");
  running.leave();
  await settled();
  expect(order).toEqual(["a claim's blob", "an answer's blob"]);
  expect(lanes.inside).toEqual({ plain: 0, blob: 2, alone: 0 });
});

test("a running turn takes newcomers only while nobody as urgent waits for another class", async () => {
  const lanes = createLanes();
  const order: string[] = [];
  const running = lanes.occupy("plain");
  void visit(lanes, order, "a claim's blob", "blob", "claim");
  const acknowledgement = await visit(lanes, order, "an acknowledgement", "plain", "job");
  void visit(lanes, order, "another claim", "plain", "claim");
  await settled();
  expect(order).toEqual(["an acknowledgement"]);
  running.leave();
  acknowledgement.leave();
  await settled();
  expect(order).toEqual(["an acknowledgement", "a claim's blob"]);
});

test("a sweep runs quite alone", async () => {
  const lanes = createLanes();
  const order: string[] = [];
  const sweep = await visit(lanes, order, "sweep", "alone");
  void visit(lanes, order, "sweep 2", "alone");
  void visit(lanes, order, "plain", "plain");
  await settled();
  expect(order).toEqual(["sweep"]);
  sweep.leave();
  await settled();
  expect(order).toEqual(["sweep", "sweep 2"]);
});

test("whoever gives up while waiting lets the others through", async () => {
  const lanes = createLanes();
  const order: string[] = [];
  const plain = lanes.occupy("plain");
  const giveUp = new AbortController();
  const blob = lanes.enter("blob", "job", giveUp.signal);
  void visit(lanes, order, "plain", "plain", "claim");
  await settled();
  expect(order).toEqual([]);
  giveUp.abort(new Error("too late"));
  await expect(blob).rejects.toThrow("too late");
  await settled();
  expect(order).toEqual(["plain"]);
  plain.leave();
  await expect(lanes.enter("blob", "job", giveUp.signal)).rejects.toThrow("too late");
});

test("classes never meet, and everybody gets a turn", async () => {
  const visits = fc.array(
    fc.record({
      lane: fc.constantFrom<LaneClass>("plain", "blob", "alone"),
      urgency: fc.constantFrom<Urgency>("job", "claim", "settlement"),
    }),
    { maxLength: 15 },
  );
  await fc.assert(
    fc.asyncProperty(visits, fc.infiniteStream(fc.nat()), async (all, choices) => {
      const lanes = createLanes();
      const inside: LaneHold[] = [];
      for (const { lane, urgency } of all) void lanes.enter(lane, urgency).then((hold) => inside.push(hold));
      for (let turn = 0; turn < all.length; turn++) {
        await settled();
        const classes = Object.entries(lanes.inside).filter(([, count]) => count > 0);
        expect(classes.length).toBe(1);
        if (classes[0]?.[0] === "alone") expect(classes[0][1]).toBe(1);
        inside.splice((choices.next().value as number) % inside.length, 1)[0]?.leave();
      }
      await settled();
      expect([lanes.waiting, inside.length]).toEqual([0, 0]);
    }),
    { numRuns: 50 },
  );
});
