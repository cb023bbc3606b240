import { recoverTypedDataAddress, type Hex } from "viem";
import { describe, expect, test } from "vitest";
import { consumerApp } from "../../../devnet/dispatcher/consumer-app.js";
import { chain, consumer, stranger, worker } from "../gateway/parts.js";
import { dispatcher, model, partsWith, publicKey } from "./parts.js";

const wrapped = Buffer.alloc(125, 7).toString("base64");

function apiWith(over: Parameters<typeof partsWith>[0] = {}) {
  const { parts, ...rest } = partsWith(over);
  const app = consumerApp(parts);
  const post = async (path: string, body: unknown, token?: string) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
    const response = await app.request(path, { method: "POST", body: text, headers });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const logIn = async (account = consumer): Promise<string> => {
    const { message } = (await (await app.request("/api/auth/challenge")).json()) as { message: string };
    const { body } = await post("/api/auth/verify", {
      message,
      signature: await account.signMessage({ message }),
    });
    return body["token"] as string;
  };
  return { ...rest, parts, post, logIn };
}
const select = { modelId: model };
const prepare = { modelId: model, encWorkerKey: wrapped };

/** Who signed, by the words of the contract's own source. */
const signerOfCreation = (signature: Hex, nonce: bigint, expiry: bigint) =>
  recoverTypedDataAddress({
    domain: {
      name: "LightChain JobRegistry",
      version: "1",
      chainId: chain.chainId,
      verifyingContract: chain.jobRegistry,
    },
    types: {
      CreateSession: [
        { name: "user", type: "address" },
        { name: "modelId", type: "bytes32" },
        { name: "worker", type: "address" },
        { name: "encWorkerKey", type: "bytes" },
        { name: "encDisputerKey", type: "bytes" },
        { name: "nonce", type: "uint256" },
        { name: "expiry", type: "uint256" },
      ],
    },
    primaryType: "CreateSession",
    message: {
      user: consumer.address,
      modelId: model,
      worker: worker.address,
      encWorkerKey: `0x${"07".repeat(125)}`,
      encDisputerKey: "0x",
      nonce,
      expiry,
    },
    signature,
  });

describe("selecting and preparing", () => {
  test("gives a worker with its key, and a signature over exactly what was agreed", async () => {
    const { post, logIn, chosen } = apiWith();
    const token = await logIn();
    const selected = await post("/api/sessions/select", select, token);
    expect(selected).toEqual({
      status: 200,
      body: {
        worker: worker.address,
        workerEncryptionKey: Buffer.from(publicKey.slice(2), "hex").toString("base64"),
        nonce: "3",
        expiry: 2_600,
        selectionId: expect.stringMatching(/^[0-9a-f]{16}$/) as unknown,
      },
    });
    expect(chosen).toEqual([worker.address]);
    const { selectionId } = selected.body;
    const { status, body } = await post("/api/sessions/prepare", { ...prepare, selectionId }, token);
    expect(status).toBe(200);
    expect(body).toMatchObject({ worker: worker.address, nonce: "3", expiry: 2_600 });
    expect(await signerOfCreation(body["signature"] as Hex, 3n, 2_600n)).toBe(dispatcher.address);
    expect(await signerOfCreation(body["signature"] as Hex, 4n, 2_600n)).not.toBe(dispatcher.address);
  });

  test("is for whoever has logged in, and each selection is good once", async () => {
    const { post, logIn } = apiWith();
    expect((await post("/api/sessions/select", select)).status).toBe(401);
    expect((await post("/api/sessions/select", select, "nonsense")).status).toBe(401);
    const [token, other] = [await logIn(), await logIn(stranger)];
    await post("/api/sessions/select", select, token);
    expect(await post("/api/sessions/prepare", prepare, other)).toMatchObject({
      status: 409,
      body: { error: "no_pending_selection" },
    });
    expect((await post("/api/sessions/prepare", prepare, token)).status).toBe(200);
    expect(await post("/api/sessions/prepare", prepare, token)).toMatchObject({
      status: 409,
      body: { error: "no_pending_selection" },
    });
  });

  test.each<[what: string, change: object]>([
    ["another selection", { selectionId: "0000000000000000" }],
    ["another model", { modelId: `0x${"22".repeat(32)}` }],
  ])("does not sign for %s than the one that is pending", async (_, change) => {
    const { post, logIn } = apiWith();
    const token = await logIn();
    await post("/api/sessions/select", select, token);
    expect(await post("/api/sessions/prepare", { ...prepare, ...change }, token)).toMatchObject({
      status: 409,
      body: { error: "selection_mismatch" },
    });
  });

  test("forgets a selection when its time is over on the chain", async () => {
    const { post, logIn, state } = apiWith();
    const token = await logIn();
    await post("/api/sessions/select", select, token);
    state.head = { number: 600n, time: 2_601n };
    expect((await post("/api/sessions/prepare", prepare, token)).body["error"]).toBe("no_pending_selection");
  });

  test("passes over workers that the chain does not hold for eligible", async () => {
    const { post, logIn, state, candidates } = apiWith();
    candidates.unshift({ ...candidates[0]!, worker: stranger.address, free: 9 });
    const token = await logIn();
    expect((await post("/api/sessions/select", select, token)).body["worker"]).toBe(worker.address);
    state.eligible.clear();
    expect(await post("/api/sessions/select", select, token)).toMatchObject({
      status: 503,
      body: { error: "no_worker_available" },
    });
  });

  test("says so where workers claim sessions, and where the chain cannot be asked", async () => {
    const { post, logIn, state } = apiWith();
    const token = await logIn();
    state.sortition = true;
    expect(await post("/api/sessions/select", select, token)).toMatchObject({
      status: 409,
      body: { error: "sortition_enabled" },
    });
    state.reachable = false;
    expect((await post("/api/sessions/select", select, token)).status).toBe(503);
  });

  test.each<[path: string, body: unknown]>([
    ["/api/sessions/select", "{"],
    ["/api/sessions/select", { modelId: "llama3-8b" }],
    ["/api/sessions/prepare", { ...prepare, encWorkerKey: Buffer.alloc(124).toString("base64") }],
    ["/api/sessions/prepare", { ...prepare, encDisputerKey: "not base64!" }],
    ["/api/sessions/prepare", { encWorkerKey: wrapped }],
    ["/api/sessions/prepare", { encWorkerKey: wrapped, sessionId: "-1" }],
  ])("refuses what is no request: %s %j", async (path, body) => {
    const { post, logIn } = apiWith();
    expect((await post(path, body, await logIn())).status).toBe(400);
  });
});

test("a session's new key is signed for its owner, for the worker that the chain names", async () => {
  const { post, logIn, state } = apiWith();
  const body = { sessionId: "42", encWorkerKey: wrapped };
  state.session = { ...state.session!, worker: stranger.address, status: "Reassigning" };
  const signed = await post("/api/sessions/prepare", body, await logIn());
  expect(signed).toMatchObject({ status: 200, body: { worker: stranger.address, nonce: "3", expiry: 2_600 } });
  expect((await post("/api/sessions/prepare", body, await logIn(stranger))).status).toBe(404);
  expect((await post("/api/sessions/prepare", { ...body, sessionId: "43" }, await logIn())).status).toBe(404);
});

test("faults strike its routes as they strike the other parts", async () => {
  const { post, logIn, parts } = apiWith();
  const token = await logIn();
  parts.faults.add({ part: "dispatcher", kind: "status", status: 401, match: { path: "/api/sessions" }, times: 1 });
  expect((await post("/api/sessions/select", select, token)).status).toBe(401);
  expect((await post("/api/sessions/select", select, token)).status).toBe(200);
});
