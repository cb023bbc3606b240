import { describe, expect, test } from "vitest";
import { workerApp } from "../../../devnet/gateway/worker-app.js";
import { encodeResponseBody, parseWorkerFrame } from "../../../protocol/frames.js";
import { encodeHeartbeat } from "../../../protocol/heartbeat.js";
import { modelIdOf } from "../../../protocol/model-id.js";
import { jobId, sessionId } from "../../../schema/units.js";
import { completeFrame, endingIn, partsWith, stranger, worker } from "./parts.js";

type Parts = ReturnType<typeof partsWith>;
const post = (parts: Parts, path: string, body: string, token?: string) =>
  workerApp(parts).request(path, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
  });
const challengeOf = async (parts: Parts) =>
  (await (await workerApp(parts).request("/api/auth/challenge")).json()) as { message: string; expiresAt: string };
const verify = (parts: Parts, message: string, signature: string) =>
  post(parts, "/api/auth/verify", JSON.stringify({ message, signature }));
async function logIn(parts: Parts, account = worker) {
  const { message } = await challengeOf(parts);
  return verify(parts, message, await account.signMessage({ message }));
}
const tokenOf = async (parts: Parts) => ((await (await logIn(parts)).json()) as { token: string }).token;

describe("logging in", () => {
  test("takes a signed challenge and gives a token that lasts an hour", async () => {
    const parts = partsWith();
    const response = await logIn(parts);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/) as unknown,
      wallet: worker.address,
      expiresAt: "2026-01-01T01:00:00Z",
    });
  });

  test("asks for a text of the network's form, another each time", async () => {
    const parts = partsWith();
    const [first, second] = [await challengeOf(parts), await challengeOf(parts)];
    expect(first.message).toMatch(
      /^lightchain-worker-gateway-auth nonce=[0-9a-f]{32} issued=2026-01-01T00:00:00Z expires=2026-01-01T00:01:00Z$/,
    );
    expect(first.expiresAt).toBe("2026-01-01T00:01:00Z");
    expect(first.message).not.toBe(second.message);
  });

  test.each([0, 27] as const)("takes signatures that end in %i and one more", async (parity) => {
    const parts = partsWith();
    const { message } = await challengeOf(parts);
    const signature = endingIn(await worker.signMessage({ message }), parity);
    expect((await verify(parts, message, signature)).status).toBe(200);
  });

  test("takes each challenge once", async () => {
    const parts = partsWith();
    const { message } = await challengeOf(parts);
    const signature = await worker.signMessage({ message });
    expect((await verify(parts, message, signature)).status).toBe(200);
    expect((await verify(parts, message, signature)).status).toBe(401);
  });

  test("takes a challenge for a minute, and not after", async () => {
    const parts = partsWith();
    const { message } = await challengeOf(parts);
    parts.clock.ms += 60_000;
    expect((await verify(parts, message, await worker.signMessage({ message }))).status).toBe(401);
  });

  test.each<[string, string | undefined, () => Promise<string>]>([
    ["a text that nobody gave out", "sign this", async () => worker.signMessage({ message: "sign this" })],
    ["no signature", undefined, async () => "0x1234"],
  ])("refuses %s", async (_, text, sign) => {
    const parts = partsWith();
    const { message } = await challengeOf(parts);
    expect((await verify(parts, text ?? message, await sign())).status).toBe(401);
  });

  test("tells a worker without registration that it has none", async () => {
    const response = await logIn(partsWith(), stranger);
    expect(response.status).toBe(403);
    expect(((await response.json()) as { message: string }).message).toBe(
      `${stranger.address} is not registered in WorkerRegistry 0x0000000000000000000000000000000000001002`,
    );
  });

  test("is refused for now while the chain cannot be asked", async () => {
    const view = { isWorkerRegistered: () => Promise.reject(new Error("down")), ownerOf: async () => undefined };
    expect((await logIn(partsWith({ view }))).status).toBe(503);
  });

  test("is refused when the body is none", async () => {
    expect((await post(partsWith(), "/api/auth/verify", "{")).status).toBe(400);
  });
});

describe("every other call", () => {
  const calls = ["/api/heartbeat", "/api/worker/drain", "/api/worker/undrain", "/api/jobs/1001/response"];

  test.each(calls)("needs a token: %s", async (path) => {
    expect((await post(partsWith(), path, "{}")).status).toBe(401);
    expect((await post(partsWith(), path, "{}", "not.a.token")).status).toBe(401);
  });

  test("takes a token for its hour, and not after", async () => {
    const parts = partsWith();
    const token = await tokenOf(parts);
    parts.clock.ms += 3599_000;
    expect((await post(parts, "/api/worker/drain", "", token)).status).toBe(204);
    parts.clock.ms += 2_000;
    expect((await post(parts, "/api/worker/drain", "", token)).status).toBe(401);
  });

  test("takes neither another gateway's token nor one that is for the relay", async () => {
    const parts = partsWith();
    const { token } = await parts.tokens.issue("relay", worker.address);
    expect((await post(parts, "/api/worker/drain", "", token)).status).toBe(401);
    expect((await post(parts, "/api/worker/drain", "", await tokenOf(partsWith()))).status).toBe(401);
  });
});

describe("a heartbeat", () => {
  const body = encodeHeartbeat({ activeJobs: 1, maxJobs: 2, models: [modelIdOf("llama3-8b")], capabilities: [] });

  test("is kept until the next, and goes stale after three missed ones", async () => {
    const parts = partsWith();
    const token = await tokenOf(parts);
    expect((await post(parts, "/api/heartbeat", body, token)).status).toBe(204);
    expect(parts.workers.heartbeats()).toMatchObject([
      { worker: worker.address, isStale: false, heartbeat: { activeJobs: 1, maxJobs: 2, protocolVersion: 2 } },
    ]);
    parts.clock.ms += 30_001;
    expect(parts.workers.heartbeats()).toMatchObject([{ isStale: true }]);
    await post(parts, "/api/heartbeat", body, token);
    expect(parts.workers.heartbeats()).toMatchObject([{ isStale: false }]);
  });

  test("that says nothing of use is refused", async () => {
    const parts = partsWith();
    expect((await post(parts, "/api/heartbeat", '{"activeJobs":-1}', await tokenOf(parts))).status).toBe(400);
  });
});

test("a worker drains until it undrains, or a day has passed", async () => {
  const parts = partsWith();
  const token = await tokenOf(parts);
  for (let times = 0; times < 2; times++) expect((await post(parts, "/api/worker/drain", "", token)).status).toBe(204);
  expect(parts.workers.drained()).toEqual([worker.address]);
  expect((await post(parts, "/api/worker/undrain", "", token)).status).toBe(204);
  expect(parts.workers.drained()).toEqual([]);
  await post(parts, "/api/worker/drain", "", token);
  parts.clock.ms += 24 * 3600 * 1000;
  expect(parts.workers.drained()).toEqual([]);
});

describe("an answer over HTTP", () => {
  const answer = async (parts: Parts, frame: Awaited<ReturnType<typeof completeFrame>>) =>
    post(parts, `/api/jobs/${frame.jobId}/response`, encodeResponseBody(frame), await tokenOf(parts));

  test("is relayed as the complete frame it stands for, ids digit for digit", async () => {
    const parts = partsWith();
    const frame = await completeFrame({ job: 2n ** 60n + 1n, session: 2n ** 61n + 1n });
    expect((await answer(parts, frame)).status).toBe(204);
    const [text = ""] = parts.relay.frames(sessionId(2n ** 61n + 1n));
    expect(parseWorkerFrame(text)).toEqual({
      ...frame,
      jobId: jobId(1152921504606846977n),
      payload: new Uint8Array(frame.payload),
    });
  });

  test("is refused and counted when somebody else signed it", async () => {
    const parts = partsWith();
    expect((await answer(parts, await completeFrame({ by: stranger }))).status).toBe(400);
    expect(parts.workers.violations(worker.address)).toBe(1);
    expect(parts.relay.frames(sessionId(42n))).toEqual([]);
  });

  test("is refused when it is none", async () => {
    const parts = partsWith();
    expect((await post(parts, "/api/jobs/1/response", "{}", await tokenOf(parts))).status).toBe(400);
  });

  test("is taken and lost while answers are withheld", async () => {
    const parts = partsWith();
    parts.faults.add({ part: "gateway", kind: "withhold", match: { path: "/api/jobs/" }, times: 1 });
    expect((await answer(parts, await completeFrame())).status).toBe(204);
    expect(parts.relay.frames(sessionId(42n))).toEqual([]);
    await answer(parts, await completeFrame());
    expect(parts.relay.frames(sessionId(42n))).toHaveLength(1);
  });
});
