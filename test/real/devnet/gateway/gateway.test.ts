import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { PortTaken } from "../../../../devnet/errors.js";
import { Faults } from "../../../../devnet/faults.js";
import { startGateway, type Gateway, type GatewayOptions } from "../../../../devnet/gateway/gateway.js";
import { relayAccessText } from "../../../../devnet/gateway/relay-access.js";
import { encodeFrame } from "../../../../protocol/frames.js";
import {
  encodeJob,
  encodeJobReply,
  JOB_STREAM_PATH,
  type JobPayload,
  type JobStreamReply,
} from "../../../../protocol/job-stream.js";
import { modelIdOf } from "../../../../protocol/model-id.js";
import { jobId, sessionId } from "../../../../schema/units.js";
import { createLogger } from "../../../../system/log.js";
import { chain, chunkText, completeFrame, consumer, stranger, worker } from "../../../devnet/gateway/parts.js";
import { startFakeChain } from "./fake-chain.js";

const session = sessionId(42n);
let node: Awaited<ReturnType<typeof startFakeChain>>;
let gateway: Gateway;
let faults: Faults;
const sockets: WebSocket[] = [];

const start = async (over: Partial<GatewayOptions> = {}) =>
  startGateway({
    chain: { ...chain, rpcUrl: node.rpcUrl },
    faults,
    log: createLogger("gateway", { level: "silent" }),
    ...over,
  });
beforeEach(async () => {
  faults = new Faults();
  node = await startFakeChain({ registered: new Set([worker.address]), owners: new Map([[42n, consumer.address]]) });
  gateway = await start();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await gateway.stop();
  await node.stop();
});

async function logIn(account = worker) {
  const { message } = (await (await fetch(`${gateway.url}/api/auth/challenge`)).json()) as { message: string };
  const body = JSON.stringify({ message, signature: await account.signMessage({ message }) });
  return fetch(`${gateway.url}/api/auth/verify`, { method: "POST", body });
}
async function openSocket(url: string, headers: Record<string, string> = {}) {
  const socket = new WebSocket(url, { headers });
  sockets.push(socket);
  const heard: string[] = [];
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  socket.on("message", (data: Buffer) => heard.push(data.toString()));
  await once(socket, "open");
  return { socket, heard, closed };
}
async function workerStream() {
  const { token } = (await (await logIn()).json()) as { token: string };
  return openSocket(`${gateway.url.replace("http", "ws")}/api/stream/responses`, { authorization: `Bearer ${token}` });
}
async function listen(by = consumer) {
  const issued = Math.floor(Date.now() / 1000);
  const body = JSON.stringify({
    sessionId: "42",
    issued,
    signature: await by.signMessage({ message: relayAccessText(42n, issued) }),
  });
  const response = await fetch(gateway.relayUrl.replace(/^ws(.*)\/ws$/, "http$1/token"), { method: "POST", body });
  const { token } = (await response.json()) as { token: string };
  return openSocket(`${gateway.relayUrl}?token=${token}`);
}

describe("a worker's way in", () => {
  test("is open to a worker that the chain knows, and to nobody else", async () => {
    expect((await logIn()).status).toBe(200);
    expect((await logIn(stranger)).status).toBe(403);
    await node.stop();
    expect((await logIn()).status).toBe(503);
  });

  test.each([[{}], [{ authorization: "Bearer nonsense" }]])("needs a token on the stream: %o", async (headers) => {
    const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/api/stream/responses`, { headers });
    const [, response] = (await once(socket, "unexpected-response")) as [unknown, { statusCode: number }];
    expect(response.statusCode).toBe(401);
    socket.on("error", () => undefined).terminate();
  });

  test("tells who is streaming", async () => {
    const { socket } = await workerStream();
    await vi.waitFor(() => expect(gateway.streaming()).toEqual([worker.address]));
    socket.close();
    await vi.waitFor(() => expect(gateway.streaming()).toEqual([]));
  });
});

describe("frames", () => {
  test("go to the session's owner in order, byte for byte, ids above 2^53 and odd spelling included", async () => {
    const big = chunkText(2, { jobId: jobId(2n ** 64n - 1n) });
    const oddly = big.replace(',"seq":2', ', "seq" :2,"extra":[1, 2]');
    const end = encodeFrame(await completeFrame());
    const { heard } = await listen();
    const { socket } = await workerStream();
    for (const text of [chunkText(1), oddly, end]) socket.send(text);
    await vi.waitFor(() => expect(heard).toHaveLength(3));
    expect(heard).toEqual([chunkText(1), oddly, end]);
    expect(oddly).toContain('"jobId":18446744073709551615');
    expect(gateway.frames(session)).toEqual(heard);
  });

  test("are kept for a consumer who comes late", async () => {
    const { socket } = await workerStream();
    socket.send(chunkText(1));
    await vi.waitFor(() => expect(gateway.frames(session)).toHaveLength(1));
    const { heard } = await listen();
    socket.send(chunkText(2));
    await vi.waitFor(() => expect(heard).toEqual([chunkText(1), chunkText(2)]));
  });

  test("of a full answer's size get through", async () => {
    const { socket } = await workerStream();
    const text = encodeFrame(await completeFrame({ payload: new Uint8Array(126_972) }));
    expect(text.length).toBeGreaterThan(169_000);
    socket.send(text);
    await vi.waitFor(() => expect(gateway.frames(session)).toEqual([text]));
  });

  test("are heard by nobody without a token of the session", async () => {
    const socket = new WebSocket(`${gateway.relayUrl}?token=nonsense`);
    const [, response] = (await once(socket, "unexpected-response")) as [unknown, { statusCode: number }];
    expect(response.statusCode).toBe(401);
    socket.on("error", () => undefined).terminate();
  });

  test("that must not be sent are not passed on, and the third closes the stream", async () => {
    const { socket, closed } = await workerStream();
    socket.send(encodeFrame(await completeFrame({ by: stranger })));
    socket.send('{"type":"error","jobId":1,"sessionId":42}');
    socket.send(chunkText(1));
    await vi.waitFor(() => expect(gateway.frames(session)).toEqual([chunkText(1)]));
    expect(gateway.violations(worker.address)).toBe(2);
    socket.send(encodeFrame(await completeFrame({ registry: chain.workerRegistry })));
    socket.send(chunkText(2));
    expect(await closed).toBe(1008);
    expect(gateway.violations(worker.address)).toBe(3);
    expect(gateway.frames(session)).toEqual([chunkText(1)]);
  });
});

describe("faults", () => {
  test("refuse to let a worker connect", async () => {
    faults.add({ part: "gateway", kind: "status", status: 500, match: { path: "/api/stream/responses" }, times: 1 });
    await expect(workerStream()).rejects.toThrow("500");
    await workerStream();
  });

  test("cut a stream in the middle of a job", async () => {
    const { socket, closed } = await workerStream();
    faults.add({ part: "gateway", kind: "drop", match: { method: "FRAME" }, times: 1 });
    socket.send(chunkText(1));
    expect(await closed).toBe(1006);
    expect(gateway.frames(session)).toEqual([]);
    const again = await workerStream();
    again.socket.send(chunkText(2));
    await vi.waitFor(() => expect(gateway.frames(session)).toEqual([chunkText(2)]));
  });

  test("lose frames on either side of the relay", async () => {
    const { heard } = await listen();
    const { socket } = await workerStream();
    faults.add({ part: "gateway", kind: "withhold", times: 1 });
    faults.add({ part: "relay", kind: "withhold", times: 1 });
    for (const seq of [1, 2, 3]) socket.send(chunkText(seq));
    await vi.waitFor(() => expect(heard).toEqual([chunkText(3)]));
    expect(gateway.frames(session)).toEqual([chunkText(2), chunkText(3)]);
  });

  test("hold frames back until they are removed, and keep their order", async () => {
    const { socket } = await workerStream();
    const id = faults.add({ part: "gateway", kind: "hang", match: { method: "FRAME" }, times: 1 });
    socket.send(chunkText(1));
    socket.send(chunkText(2));
    await vi.waitFor(() => expect(faults.list()[0]?.struck).toBe(1));
    expect(gateway.frames(session)).toEqual([]);
    faults.remove(id);
    await vi.waitFor(() => expect(gateway.frames(session)).toEqual([chunkText(1), chunkText(2)]));
  });
});

describe("the job stream", () => {
  const one = jobId(9_007_199_254_740_993n);
  const payload = (id = one): JobPayload => ({
    jobId: id,
    sessionId: session,
    consumer: consumer.address,
    worker: worker.address,
    modelId: modelIdOf("llama3-8b"),
    promptBlobHash: `0x01${"11".repeat(31)}`,
    blockNumber: 7n,
    timestamp: 1_767_225_600,
    correlationId: `42-${id}`,
    priorJobIds: [],
  });
  async function jobStream(slots = 2) {
    const { token } = (await (await logIn()).json()) as { token: string };
    const url = `${gateway.url.replace("http", "ws")}${JOB_STREAM_PATH}`;
    const opened = await openSocket(url, { authorization: `Bearer ${token}` });
    const say = (reply: JobStreamReply): void => opened.socket.send(encodeJobReply(reply));
    say({ type: "ready", slots });
    await vi.waitFor(() => expect(gateway.jobs.free(worker.address)).toBeDefined());
    return { ...opened, say };
  }
  const standing = () => gateway.jobs.standing(one);

  test("needs a token", async () => {
    await expect(openSocket(`${gateway.url.replace("http", "ws")}${JOB_STREAM_PATH}`)).rejects.toThrow("401");
  });

  test("gives a worker that is ready its job, letter for letter, until it says that it is done", async () => {
    const { heard, say } = await jobStream();
    gateway.jobs.add(payload());
    await vi.waitFor(() => expect(heard).toEqual([encodeJob(payload())]));
    expect(heard[0]).toContain('"jobId":9007199254740993,');
    say({ type: "ack", jobId: one });
    await vi.waitFor(() => expect(standing()).toMatchObject({ standing: "acked" }));
    expect(gateway.jobs.free(worker.address)).toBe(1);
    say({ type: "done", jobId: one, error: null });
    await vi.waitFor(() => expect(standing()).toEqual({ standing: "done", offers: 1, error: null }));
  });

  test("offers a job again that came back with an error, and keeps the reason", async () => {
    const { heard, say } = await jobStream();
    gateway.jobs.add(payload());
    await vi.waitFor(() => expect(heard).toHaveLength(1));
    say({ type: "ack", jobId: one });
    say({ type: "done", jobId: one, error: "LF1473: the model is not there" });
    await vi.waitFor(() => expect(heard).toHaveLength(2), { timeout: 5_000 });
    expect(standing()).toMatchObject({ standing: "offered", offers: 2, error: "LF1473: the model is not there" });
  });

  test("offers a job again on the next connection when the first was lost", async () => {
    const first = await jobStream();
    gateway.jobs.add(payload());
    await vi.waitFor(() => expect(first.heard).toHaveLength(1));
    first.say({ type: "ack", jobId: one });
    await vi.waitFor(() => expect(standing()).toMatchObject({ standing: "acked" }));
    first.socket.terminate();
    await vi.waitFor(() => expect(standing()).toMatchObject({ standing: "waiting" }));
    const second = await jobStream();
    await vi.waitFor(() => expect(second.heard).toEqual([encodeJob(payload())]));
  });

  test("suffers faults: a job that is lost or delayed on its way, a connection that is cut with it", async () => {
    const { heard, closed } = await jobStream();
    const onStream = { method: "FRAME", path: JOB_STREAM_PATH };
    faults.add({ part: "gateway", kind: "withhold", match: onStream, times: 1 });
    gateway.jobs.add(payload());
    await vi.waitFor(() => expect(faults.list()).toEqual([]));
    expect(heard).toEqual([]);
    faults.add({ part: "gateway", kind: "delay", delayMs: 200, match: onStream, times: 1 });
    const two = jobId(2n);
    gateway.jobs.add(payload(two));
    await vi.waitFor(() => expect(faults.list()).toEqual([]));
    expect(heard).toEqual([]);
    await vi.waitFor(() => expect(heard).toEqual([encodeJob(payload(two))]));
    gateway.jobs.done(worker.address, two, null);
    faults.add({ part: "gateway", kind: "drop", match: onStream, times: 1 });
    gateway.jobs.add(payload(jobId(3n)));
    expect(await closed).toBe(1006);
    const next = await jobStream(9);
    await vi.waitFor(() => expect(next.heard).toHaveLength(2)); // the lost one and the cut one
  });

  test.each([["no JSON"], ['{"type":"ack","jobId":"1"}'], ['{"type":"done"}']])(
    "is closed to a worker that keeps saying %s",
    async (text) => {
      const { socket, closed } = await jobStream();
      for (let times = 0; times < 3; times++) socket.send(text);
      expect(await closed).toBe(1008);
      await vi.waitFor(() => expect(gateway.jobs.free(worker.address)).toBeUndefined());
    },
  );
});

test("a connection that no longer answers pings is cut", async () => {
  await gateway.stop();
  gateway = await start({ pingMs: 30 });
  const { socket, closed } = await workerStream();
  const alive = await workerStream();
  await once(alive.socket, "ping");
  socket.pause();
  await vi.waitFor(() => expect(gateway.streaming()).toHaveLength(1));
  socket.resume();
  expect(await closed).toBe(1006);
  expect(alive.socket.readyState).toBe(WebSocket.OPEN);
});

test("a gateway that is started again on its port knows no token of before", async () => {
  const { token } = (await (await logIn()).json()) as { token: string };
  await gateway.stop();
  gateway = await start({ port: Number(new URL(gateway.url).port) });
  const drain = { method: "POST", headers: { authorization: `Bearer ${token}` } };
  const status = async () => (await fetch(`${gateway.url}/api/worker/drain`, drain)).status;
  await vi.waitFor(async () => expect(await status()).toBe(401)); // fetch may first try a connection of before
  expect((await logIn()).status).toBe(200);
});

test("a port that is taken is named", async () => {
  const port = Number(new URL(gateway.url).port);
  await expect(start({ port })).rejects.toThrow(PortTaken);
});
