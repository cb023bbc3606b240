import { beforeEach, describe, expect, test } from "vitest";
import { controlApp } from "../../devnet/control.js";
import type { ConsensusDriver, Head } from "../../devnet/chain/driver.js";
import { ReorganisationTooDeep } from "../../devnet/errors.js";
import { Faults } from "../../devnet/faults.js";
import { blockTime } from "../../schema/units.js";

const hash = (digit: string): `0x${string}` => `0x${digit.repeat(64)}`;

/** A driver that only counts. */
function countingDriver(): ConsensusDriver {
  let [number, time, slot] = [7, 1_700_000_000, 7];
  let held = false;
  const head = (): Head => ({
    number,
    hash: hash("a"),
    timestamp: blockTime(BigInt(time)),
    slot: {
      root: hash("b"),
      header: { slot, proposerIndex: 0, parentRoot: hash("c"), stateRoot: hash("d"), bodyRoot: hash("e") },
      block: { number, hash: hash("a") },
      canonical: true,
      fork: "prague",
    },
  });
  const mine = async (blocks = 1): Promise<Head> => {
    [number, time, slot] = [number + blocks, time + blocks, slot + blocks];
    return head();
  };
  return {
    head,
    mine,
    finalized: () => number - 2,
    now: () => blockTime(BigInt(time)),
    advance: async (seconds) => {
      time += seconds - 1;
      return mine();
    },
    hold: async () => void (held = true),
    release: () => void (held = false),
    get held() {
      return held;
    },
    missSlots: (count) => void (slot += count),
    reorganise: async (depth) => {
      if (depth > 2) throw new ReorganisationTooDeep(depth, 2);
      return mine();
    },
    stop: async () => undefined,
  };
}

describe("the control API", () => {
  let faults: Faults;
  let stops: number;
  let call: (
    method: string,
    path: string,
    body?: unknown,
  ) => Promise<{ status: number; body: Record<string, unknown> }>;
  beforeEach(() => {
    faults = new Faults();
    stops = 0;
    const app = controlApp({ driver: countingDriver(), faults, stop: () => stops++ });
    call = async (method, path, body) => {
      const init = { method, headers: { "content-type": "application/json" } };
      const answer = await app.request(path, body === undefined ? init : { ...init, body: JSON.stringify(body) });
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    };
  });

  test("tells block, finality, time and faults", async () => {
    faults.add({ part: "rpc", kind: "drop", times: 2 });
    expect(await call("GET", "/status")).toEqual({
      status: 200,
      body: {
        block: { number: 7, hash: hash("a"), timestamp: 1_700_000_000, slot: 7 },
        finalized: 5,
        chainTime: 1_700_000_000,
        held: false,
        faults: [{ id: 1, struck: 0, part: "rpc", kind: "drop", times: 2 }],
      },
    });
  });

  test("sets a fault and takes it back, one or all", async () => {
    expect(await call("POST", "/fault", { part: "beacon", kind: "status", status: 500 })).toMatchObject({
      status: 201,
      body: { id: 1 },
    });
    await call("POST", "/fault", { part: "gateway", kind: "drop" });
    await call("POST", "/fault", { part: "chain", kind: "withhold", match: { type: "blob" }, times: 3 });
    expect(faults.list()).toHaveLength(3);
    expect(await call("DELETE", "/fault/1")).toMatchObject({ status: 200, body: { removed: 1 } });
    expect(await call("DELETE", "/fault/1")).toMatchObject({ status: 404 });
    expect(await call("DELETE", "/fault")).toMatchObject({ body: { removed: 2 } });
    expect(faults.list()).toEqual([]);
  });

  test("lets time pass, builds blocks, misses slots, holds and releases", async () => {
    expect((await call("POST", "/time", { advance: 86_400 })).body).toMatchObject({
      block: { timestamp: 1_700_086_400 },
    });
    expect((await call("POST", "/mine", { blocks: 3 })).body).toMatchObject({ block: { number: 11 } });
    expect((await call("POST", "/mine")).body).toMatchObject({ block: { number: 12 } });
    expect((await call("POST", "/miss", { slots: 4 })).body).toMatchObject({ block: { slot: 16 } });
    expect((await call("POST", "/reorg", { depth: 2 })).body).toMatchObject({ block: { number: 13 } });
    expect((await call("POST", "/hold")).body).toMatchObject({ held: true });
    expect((await call("POST", "/release")).body).toMatchObject({ held: false });
  });

  test("refuses to undo what is final, by a coded error", async () => {
    const answer = await call("POST", "/reorg", { depth: 3 });
    expect(answer.status).toBe(409);
    expect(answer.body["error"]).toContain("LF1045");
  });

  test("passes the wish to stop on", async () => {
    expect((await call("POST", "/stop")).status).toBe(202);
    expect(stops).toBe(1);
  });

  test.each([
    ["/fault", { part: "moon", kind: "drop" }],
    ["/time", { advance: -5 }],
    ["/time", {}],
    ["/mine", { blocks: 0 }],
    ["/mine", { block: 1 }],
    ["/reorg", { depth: 0 }],
  ])("refuses what it does not understand, with the reason: %s %j", async (path, body) => {
    const answer = await call("POST", path, body);
    expect(answer.status).toBe(400);
    expect(answer.body).toHaveProperty("error");
    expect(faults.list()).toEqual([]);
  });

  test("refuses a body that is not JSON, and one that does not say it is", async () => {
    const app = controlApp({ driver: countingDriver(), faults, stop: () => stops++ });
    const json = { "content-type": "application/json" };
    expect((await app.request("/mine", { method: "POST", headers: json, body: "{" })).status).toBe(400);
    expect((await app.request("/stop", { method: "POST" })).status).toBe(415);
    expect(stops).toBe(0);
  });
});
