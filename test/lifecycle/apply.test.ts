import { describe, expect, test } from "vitest";
import { converge, type ConvergeOptions, type StepEvent } from "../../lifecycle/apply.js";
import { SendRefused } from "../../lifecycle/errors.js";
import type { Call, Mined, Observed, Sender } from "../../lifecycle/types.js";
import { wei } from "../../schema/units.js";
import { completed, gone, lcai, nobody, serving, worker, workerWith } from "./situations.js";

const mined = (block: bigint, status: Mined["status"] = "success"): Mined => ({
  hash: `0x${"12".repeat(32)}`,
  block,
  status,
  gasUsed: 1n,
  fee: wei(1n),
});

/** Converges over a list of observations, the last of which stays, with a sender that answers as told. */
function setting(observations: Observed[], answer: (call: Call) => Mined, different: Partial<ConvergeOptions> = {}) {
  const calls: Call[] = [];
  const events: StepEvent["kind"][] = [];
  let slept = 0;
  const sender: Sender = {
    address: worker,
    send: async (call) => {
      calls.push(call);
      return answer(call);
    },
  };
  const run = () =>
    converge({
      observe: async () => (observations.length > 1 ? observations.shift()! : observations[0]!),
      sender,
      desired: gone,
      clock: {
        now: () => slept,
        sleep: async (ms) => {
          slept += ms;
        },
      },
      mayWait: () => false,
      onStep: ({ kind }) => events.push(kind),
      ...different,
    });
  return { run, calls, events, slept: () => slept };
}
const funded = nobody({ balance: lcai("5010") });
const left = nobody({ nonce: { latest: 7, pending: 7 } });

describe("converging", () => {
  test("ends when there is nothing to do", async () => {
    const { run, calls } = setting([nobody()], () => mined(1n));
    expect(await run()).toMatchObject({ kind: "done" });
    expect(calls).toEqual([]);
  });

  test("applies one step at a time, and looks again after each", async () => {
    const { run, calls, events } = setting([workerWith(), workerWith({}, null), left], () => mined(1_001n));
    expect(await run()).toMatchObject({ kind: "done" });
    expect(calls.map(({ purpose }) => purpose.split("/")[2])).toEqual(["deregister", "sweep"]);
    expect(calls.map(({ sweep }) => sweep)).toEqual([undefined, true]);
    expect(events).toEqual(["sending", "mined", "sending", "mined"]);
  });

  test("says what it waits for when it may not wait", async () => {
    const { run } = setting([workerWith({ jobs: [completed(1, 3)] })], () => mined(1n));
    expect(await run()).toMatchObject({
      kind: "waiting",
      until: { kind: "time" },
      because: expect.stringContaining("job 1") as string,
    });
  });

  test("waits when it may, and goes on by itself", async () => {
    const waiting = workerWith({ jobs: [completed(1, 3)] });
    const { run, events, slept } = setting([waiting, waiting, left], () => mined(1n), {
      mayWait: () => true,
      pollMs: 10,
    });
    expect(await run()).toMatchObject({ kind: "done" });
    expect([events, slept()]).toEqual([["waiting", "waiting"], 20]);
  });

  test("is blocked by what only a person can change", async () => {
    const { run } = setting([nobody({ leftGeneration: 1 })], () => mined(1n), { desired: serving });
    expect(await run()).toMatchObject({ kind: "blocked", blockers: [{ code: "LF1207" }] });
  });

  test("rehearses where that is asked for, and not for ever", async () => {
    let rehearsals = 0;
    const rehearse = async () => {
      rehearsals++;
    };
    const unrehearsed = nobody({ balance: lcai("5010"), rehearsed: false });
    const { run } = setting([unrehearsed, workerWith()], () => mined(1n), { desired: serving, rehearse });
    expect(await run()).toMatchObject({ kind: "done" });
    expect(rehearsals).toBe(1);
    await expect(setting([unrehearsed], () => mined(1n), { desired: serving, rehearse }).run()).rejects.toThrow(
      "rehearsed",
    );
    await expect(setting([unrehearsed], () => mined(1n), { desired: serving }).run()).rejects.toThrow("rehearsed");
  });

  test("tells a shared key's sender which nonce it planned on, and only that one", async () => {
    const one = setting([funded, workerWith()], () => mined(1_001n), { desired: serving, sharesKey: true });
    await one.run();
    const other = setting([funded, workerWith()], () => mined(1_001n), { desired: serving });
    await other.run();
    expect([one.calls[0]!.ifNonce, other.calls[0]!.ifNonce]).toEqual([0, undefined]);
  });
});

describe("converging gives up", () => {
  test("on a step that is refused three times in a row", async () => {
    const refuse = (call: Call): Mined => {
      throw new SendRefused(call.purpose, "ActiveJobsExist(0x, 1)");
    };
    const { run, calls } = setting([workerWith()], refuse);
    await expect(run()).rejects.toMatchObject({ code: "LF1230" });
    expect(calls).toHaveLength(3);
  });

  test("but not on one that is refused once, because a job came in between", async () => {
    let count = 0;
    const { run } = setting([workerWith(), workerWith(), left], (call) => {
      if (count++ === 0) throw new SendRefused(call.purpose, "ActiveJobsExist(0x, 1)");
      return mined(1_001n);
    });
    expect(await run()).toMatchObject({ kind: "done" });
  });

  test("on a step that reverts again and again", async () => {
    await expect(setting([workerWith()], () => mined(1_001n, "reverted")).run()).rejects.toMatchObject({
      code: "LF1234",
    });
  });

  test("on a step that is done, and that the chain still asks for", async () => {
    await expect(setting([workerWith()], () => mined(900n)).run()).rejects.toMatchObject({ code: "LF1232" });
  });

  test("at once on anything else, and when it is called off", async () => {
    const broken = setting([workerWith()], () => {
      throw new TypeError("a bug");
    });
    await expect(broken.run()).rejects.toThrow("a bug");
    const off = setting([workerWith()], () => mined(1n), { signal: AbortSignal.abort(new Error("stop")) });
    await expect(off.run()).rejects.toThrow("stop");
    expect([broken.calls.length, off.calls.length]).toEqual([1, 0]);
  });
});
