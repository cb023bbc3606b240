import { Hono } from "hono";
import { describe, expect, test } from "vitest";
import { faultMiddleware, faultSchema, Faults, type Fault } from "../../devnet/faults.js";

const appWith = (faults: Faults) =>
  new Hono().use(faultMiddleware(faults, "beacon")).get("/*", (context) => context.text("answered"));
const status = async (faults: Faults, path = "/eth/v1/node/version") => (await appWith(faults).request(path)).status;

describe("a fault on an HTTP part", () => {
  test("strikes as often as it was told to, and then never again", async () => {
    const faults = new Faults();
    faults.add({ part: "beacon", kind: "status", status: 500, times: 2 });
    expect([await status(faults), await status(faults), await status(faults)]).toEqual([500, 500, 200]);
    expect(faults.list()).toEqual([]);
  });

  test("strikes until it is removed when no number is given", async () => {
    const faults = new Faults();
    const id = faults.add({ part: "beacon", kind: "status" });
    expect([await status(faults), await status(faults)]).toEqual([503, 503]);
    expect(faults.remove(id)).toBe(true);
    expect(await status(faults)).toBe(200);
    expect(faults.remove(id)).toBe(false);
  });

  test("leaves requests alone that it is not about", async () => {
    const faults = new Faults();
    faults.add({ part: "beacon", kind: "status", match: { path: "/eth/v1/beacon/" } });
    faults.add({ part: "beacon", kind: "status", match: { method: "POST" } });
    faults.add({ part: "gateway", kind: "status" });
    expect(await status(faults)).toBe(200);
    expect(await status(faults, "/eth/v1/beacon/genesis")).toBe(503);
  });

  test("that delays lets the answer come after the time it says", async () => {
    const faults = new Faults();
    faults.add({ part: "beacon", kind: "delay", delayMs: 250 });
    const slept: number[] = [];
    const clock = { now: () => 0, sleep: async (ms: number) => void slept.push(ms) };
    const app = new Hono()
      .use(faultMiddleware(faults, "beacon", clock))
      .get("/", (context) => context.text("answered"));
    expect(await (await app.request("/")).text()).toBe("answered");
    expect(slept).toEqual([250]);
  });

  test("that hangs answers nothing until it is removed", async () => {
    const faults = new Faults();
    const id = faults.add({ part: "beacon", kind: "hang", times: 1 });
    let answered = false;
    const hanging = status(faults).finally(() => (answered = true));
    expect(await status(faults)).toBe(200);
    expect(answered).toBe(false);
    faults.remove(id);
    expect(await hanging).toBe(200);
  });

  test("that hangs lets go of a caller who gives up", async () => {
    const faults = new Faults();
    faults.add({ part: "beacon", kind: "hang" });
    const caller = new AbortController();
    const request = new Request("http://localhost/", { signal: caller.signal });
    const answer = appWith(faults).request(request);
    caller.abort();
    expect((await answer).status).toBe(200);
  });

  test("that cuts the connection gives no HTTP answer", async () => {
    const faults = new Faults();
    faults.add({ part: "beacon", kind: "drop" });
    expect((await appWith(faults).request("/")).type).toBe("error");
  });

  test("that withholds is left to the part itself", async () => {
    const faults = new Faults();
    faults.add({ part: "beacon", kind: "withhold", times: 1 });
    expect(await status(faults)).toBe(200);
    expect(faults.list()).toHaveLength(1);
    expect(faults.strike("beacon", ({ kind }) => kind === "withhold")).toBeDefined();
    expect(faults.list()).toEqual([]);
  });
});

describe("the registry of faults", () => {
  test("clears one part or all, and tells its listeners", () => {
    const faults = new Faults();
    let changes = 0;
    faults.onChange(() => changes++);
    faults.add({ part: "rpc", kind: "drop" });
    faults.add({ part: "gateway", kind: "drop" });
    faults.add({ part: "chain", kind: "withhold" });
    expect(faults.clear("gateway")).toBe(1);
    expect(faults.clear()).toBe(2);
    expect(changes).toBe(6);
  });

  test("strikes with the oldest fault first", () => {
    const faults = new Faults();
    faults.add({ part: "rpc", kind: "status", status: 500, times: 1 });
    faults.add({ part: "rpc", kind: "drop" });
    const kinds = [1, 2, 3].map(() => faults.strike("rpc", () => true)?.fault.kind);
    expect(kinds).toEqual(["status", "drop", "drop"]);
  });
});

test.each<[situation: string, fault: unknown]>([
  ["a part that does not exist", { part: "moon", kind: "drop" }],
  ["a kind that the part does not know", { part: "chain", kind: "drop" }],
  ["a match of another part", { part: "rpc", kind: "drop", match: { selector: "0x12345678" } }],
  ["an address that is too short", { part: "chain", kind: "withhold", match: { from: "0x12" } }],
  ["a status that is no error", { part: "beacon", kind: "status", status: 200 }],
  ["a number of times that is never", { part: "beacon", kind: "drop", times: 0 }],
])("a fault with %s is refused", (_, fault) => expect(faultSchema.safeParse(fault).success).toBe(false));

test("addresses and hashes of a withholding rule are compared in lower case", () => {
  const parsed: Fault = faultSchema.parse({
    part: "chain",
    kind: "withhold",
    match: { to: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", type: "blob" },
    times: 3,
  });
  expect(parsed).toMatchObject({ match: { to: "0x70997970c51812dc3a010c7d01b50e0d17dc79c8" } });
});
