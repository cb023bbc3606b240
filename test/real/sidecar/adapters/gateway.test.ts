import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Faults } from "../../../../devnet/faults.js";
import { startGateway, type Gateway as Devnet } from "../../../../devnet/gateway/gateway.js";
import { createLocalSigner } from "../../../../keystore/local-signer.js";
import { modelIdOf } from "../../../../protocol/model-id.js";
import { answerDigest, toFrameSignature } from "../../../../protocol/signature.js";
import { jobId, sessionId } from "../../../../schema/units.js";
import { connectGateway } from "../../../../sidecar/adapters/gateway.js";
import { GatewayRefused } from "../../../../sidecar/errors.js";
import type { Frame, Gateway, JobOffer, JobStream } from "../../../../sidecar/ports.js";
import { systemClock } from "../../../../system/clock.js";
import { createLogger } from "../../../../system/log.js";
import { chain, consumer } from "../../../devnet/gateway/parts.js";
import { startFakeChain } from "../../devnet/gateway/fake-chain.js";

const signer = createLocalSigner(
  Buffer.from("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d", "hex"),
);
// Above 2^53: ids must travel digit for digit.
const session = sessionId(9_007_199_254_740_995n);
const job = jobId(9_007_199_254_740_997n);
const log = createLogger("test", { level: "silent" });
let node: Awaited<ReturnType<typeof startFakeChain>>;
let faults: Faults;
let devnet: Devnet;
let gateway: Gateway;
let jobStream: JobStream;
const registered = new Set([signer.address]);

beforeEach(async () => {
  faults = new Faults();
  registered.add(signer.address);
  node = await startFakeChain({ registered, owners: new Map([[session, consumer.address]]) });
  devnet = await startGateway({ chain: { ...chain, rpcUrl: node.rpcUrl }, faults, log });
  ({ gateway, jobStream } = connectGateway({ url: `${devnet.url}/`, signer, clock: systemClock, log }));
});
afterEach(async () => {
  await Promise.all([gateway.close(), jobStream.close()]);
  await devnet.stop();
  await node.stop();
});

const eventually = (look: () => void) => vi.waitFor(look, { timeout: 10_000, interval: 20 });
const connected = async () => {
  await gateway.login();
  gateway.open();
  await eventually(() => expect(gateway.connected).toBe(true));
};
const chunk = (seq: number): Frame => ({
  ...{ type: "chunk", kind: "text", job, session, seq, totalChunks: 0, payload: new Uint8Array(40).fill(seq) },
});
const answer = async (payload = new Uint8Array(60).fill(9), seq = 1) => {
  const digest = answerDigest(chain.chainId, chain.jobRegistry, job, session, payload);
  const signature = toFrameSignature(await signer.signMessage(Buffer.from(digest.slice(2), "hex")));
  return { job, session, seq, totalChunks: seq, payload, signature };
};
const relayed = () => devnet.frames(session).map((text) => JSON.parse(text) as { type: string; seq: number });

describe("the gateway adapter", () => {
  test("logs in with the worker's key, and is refused by name when the worker is not registered", async () => {
    await gateway.login();
    registered.clear();
    const stranger = connectGateway({ url: devnet.url, signer, clock: systemClock, log }).gateway;
    await expect(stranger.login()).rejects.toMatchObject({ code: "LF1440", status: 403 });
    await expect(stranger.login()).rejects.toBeInstanceOf(GatewayRefused);
  });

  test("beats, drains and undrains", async () => {
    const models = [modelIdOf("llama3-8b")];
    await gateway.heartbeat({ activeJobs: 1, maxJobs: 2, models });
    expect(devnet.heartbeats()).toMatchObject([
      { worker: signer.address, heartbeat: { activeJobs: 1, maxJobs: 2, models } },
    ]);
    await gateway.drain();
    expect(devnet.drained()).toEqual([signer.address]);
    await gateway.undrain();
    expect(devnet.drained()).toEqual([]);
  });

  test("streams chunks and the end in order, with ids above 2^53", async () => {
    await connected();
    gateway.offer(chunk(1));
    gateway.offer(chunk(2));
    await gateway.deliver(await answer(undefined, 3));
    await eventually(() => expect(relayed().map(({ seq }) => seq)).toEqual([1, 2, 3]));
    expect(devnet.frames(session)[2]).toContain(`"jobId":${job}`);
    expect(devnet.violations(signer.address)).toBe(0);
  });

  test("takes an answer as large as a blob", async () => {
    await connected();
    await gateway.deliver(await answer(new Uint8Array(126_972)));
    await eventually(() => expect(relayed()).toHaveLength(1));
  });

  test("keeps chunks while the stream is down and writes them when it is up", async () => {
    await gateway.login();
    gateway.offer(chunk(1));
    gateway.open();
    await eventually(() => expect(relayed().map(({ seq }) => seq)).toEqual([1]));
  });

  test("delivers over HTTP when there is no stream", async () => {
    await gateway.deliver(await answer());
    expect(relayed()).toMatchObject([{ type: "complete" }]);
  });

  test("offers an answer again until the gateway takes it", async () => {
    faults.add({
      part: "gateway",
      kind: "status",
      status: 500,
      match: { method: "POST", path: "/api/jobs" },
      times: 2,
    });
    await gateway.deliver(await answer());
    expect(relayed()).toHaveLength(1);
  });

  test.each([
    ["a day ahead", 86_400_000],
    ["a day behind", -86_400_000],
  ])("logs in once, although this machine's clock is %s", async (_, off) => {
    const clock = { ...systemClock, now: () => systemClock.now() + off };
    const wrong = connectGateway({ url: devnet.url, signer, clock, log }).gateway;
    const asked = vi.spyOn(globalThis, "fetch");
    for (let beat = 0; beat < 3; beat++) await wrong.heartbeat({ activeJobs: 0, maxJobs: 2, models: [] });
    const logins = asked.mock.calls.filter(([url]) => typeof url === "string" && url.endsWith("/api/auth/verify"));
    asked.mockRestore();
    expect(logins).toHaveLength(1);
  });

  test("logs in once more when its token is refused", async () => {
    await gateway.login();
    faults.add({ part: "gateway", kind: "status", status: 401, match: { path: "/api/heartbeat" }, times: 1 });
    await gateway.heartbeat({ activeJobs: 0, maxJobs: 2, models: [] });
    expect(devnet.heartbeats()).toHaveLength(1);
  });

  test("dials again after the connection was cut in the middle of a job, and nothing final is lost", async () => {
    await connected();
    faults.add({ part: "gateway", kind: "drop", match: { method: "FRAME" }, times: 1 });
    gateway.offer(chunk(1));
    await eventually(() => expect(gateway.connected).toBe(false));
    await gateway.deliver(await answer(undefined, 2));
    await eventually(() => expect(relayed().filter(({ type }) => type === "complete")).toHaveLength(1));
    await eventually(() => expect(gateway.connected).toBe(true));
  });

  test("can be opened again after it was closed", async () => {
    await connected();
    await gateway.close();
    expect(gateway.connected).toBe(false);
    await eventually(() => expect(devnet.streaming()).toEqual([]));
    await connected();
  });
});

describe("the job stream's adapter", () => {
  const offered: JobOffer[] = [];
  const standing = () => devnet.jobs.standing(job);
  const listening = async (slots = 2) => {
    offered.length = 0;
    jobStream.onOffer((offer) => offered.push(offer));
    jobStream.open(slots);
    await eventually(() => expect(jobStream.connected).toBe(true));
    await eventually(() => expect(devnet.jobs.free(signer.address)).toBe(slots));
  };
  const add = () =>
    devnet.jobs.add({
      jobId: job,
      sessionId: session,
      consumer: consumer.address,
      worker: signer.address,
      modelId: modelIdOf("llama3-8b"),
      promptBlobHash: `0x01${"11".repeat(31)}`,
      blockNumber: 7n,
      timestamp: 1_767_225_600,
      correlationId: "1-2",
      priorJobIds: [jobId(9_007_199_254_740_993n)],
    });

  test("says how many jobs it takes, hears of each, and tells what became of it, ids above 2^53 included", async () => {
    await listening(3);
    add();
    await eventually(() =>
      expect(offered).toEqual([{ job, session, worker: signer.address, priorJobs: [9_007_199_254_740_993n] }]),
    );
    jobStream.ack(job);
    await eventually(() => expect(standing()).toMatchObject({ standing: "acked" }));
    jobStream.done(job, "LF1471: no");
    await eventually(() => expect(standing()).toMatchObject({ error: "LF1471: no" }));
    await eventually(() => expect(offered).toHaveLength(2));
    jobStream.done(job, null);
    await eventually(() => expect(standing()).toEqual({ standing: "done", offers: 2, error: null }));
    expect(devnet.violations(signer.address)).toBe(0);
  });

  test("comes back after a cut, and is offered again what was not done", async () => {
    await listening();
    add();
    await eventually(() => expect(offered).toHaveLength(1));
    faults.add({ part: "gateway", kind: "drop", match: { method: "FRAME" }, times: 1 });
    jobStream.ack(job); // cuts the connection on its way
    await eventually(() => expect(jobStream.connected).toBe(false));
    jobStream.done(job, null); // lost, and no harm
    await eventually(() => expect(offered).toHaveLength(2));
  });

  test("logs in anew when its token is refused, and goes on trying while the gateway fails", async () => {
    await gateway.login();
    faults.add({ part: "gateway", kind: "status", status: 401, match: { path: "/api/jobs/stream" }, times: 1 });
    faults.add({ part: "gateway", kind: "status", status: 500, match: { path: "/api/jobs/stream" }, times: 1 });
    await listening();
    expect(faults.list()).toEqual([]);
  });

  test("says nothing without a connection, and can be opened again after it was closed", async () => {
    jobStream.ack(job);
    await listening();
    await jobStream.close();
    await eventually(() => expect(devnet.jobs.free(signer.address)).toBeUndefined());
    expect(jobStream.connected).toBe(false);
    jobStream.open(1);
    await eventually(() => expect(devnet.jobs.free(signer.address)).toBe(1));
  });
});
