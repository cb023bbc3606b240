import {
  decodeFunctionData,
  encodeAbiParameters,
  encodeErrorResult,
  encodeEventTopics,
  parseAbiParameters,
  type Hex,
  type Log,
  type TransactionReceipt,
} from "viem";
import { beforeEach, describe, expect, test } from "vitest";
import type { Session } from "../../../abi/job.js";
import { jobRegistryAbi } from "../../../abi/job-registry.js";
import type { ConsumerChain } from "../../../devnet/consumer/chain.js";
import {
  openDispatchedSession,
  reassignSession,
  type DispatchedPorts,
} from "../../../devnet/consumer/dispatched-session.js";
import { DispatcherRefused, NoWorkerFree, TransactionFailed, WrongSession } from "../../../devnet/consumer/errors.js";
import { newEncryptionKeyPair } from "../../../protocol/encryption-key.js";
import { modelIdOf } from "../../../protocol/model-id.js";
import { unwrapSessionKey } from "../../../protocol/session-key.js";
import { chainSeconds, type Address } from "../../../schema/units.js";
import { session42 } from "../dispatcher/parts.js";
import { jobRegistry, steppedClock, stranger, worker } from "./parts.js";

const user: Address = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
const model = "llama3-8b";
const keys = newEncryptionKeyPair();
const signature: Hex = `0x${"22".repeat(65)}`;
const patience = chainSeconds(10n);

/** A chain, a dispatcher and a sender that do what they should until a test says otherwise. */
let state: {
  session: Session;
  /** Errors that the next transactions meet, by the function that is called. */
  failures: { readonly name: string; readonly error: Error }[];
  calls: string[];
  selections: (Address | undefined)[];
  prepared: string[];
  refusals: Error[];
};
let ports: DispatchedPorts;

const log = (eventName: "SessionCreated" | "SessionReassigned", topics: readonly unknown[], data: Hex): Log =>
  ({
    address: jobRegistry,
    topics: [...topics],
    data,
    eventName,
  }) as unknown as Log;

beforeEach(() => {
  state = {
    session: { ...session42, user, modelId: modelIdOf(model), worker: worker.address },
    ...{ failures: [], calls: [], prepared: [], refusals: [] },
    selections: [worker.address],
  };
  const mined = (name: string, args: readonly unknown[]): Log[] => {
    if (name === "createSession") {
      state.session = { ...state.session, encWorkerKey: args[2] as Hex, status: "Active" };
      const indexed = { sessionId: 42n, user, modelId: modelIdOf(model) };
      const topics = encodeEventTopics({ abi: jobRegistryAbi, eventName: "SessionCreated", args: indexed });
      const data = encodeAbiParameters(parseAbiParameters("address, bytes, bytes"), [
        ...([args[1] as Address, args[2] as Hex, args[3] as Hex] as const),
      ]);
      return [log("SessionCreated", topics, data)];
    }
    if (name === "reassignSession") {
      state.session = { ...state.session, worker: stranger.address, status: "Reassigning" };
      const args = { sessionId: 42n };
      const topics = encodeEventTopics({ abi: jobRegistryAbi, eventName: "SessionReassigned", args });
      return [log("SessionReassigned", topics, encodeAbiParameters(parseAbiParameters("address"), [stranger.address]))];
    }
    state.session = { ...state.session, encWorkerKey: args[1] as Hex, status: "Active" };
    return [];
  };
  const vouch = async (what: string) => {
    state.prepared.push(what);
    const refused = state.refusals.shift();
    if (refused) throw refused;
    return { worker: state.session.worker, signature, expiry: 99n };
  };
  ports = {
    user,
    chain: {
      contracts: { jobRegistry },
      encryptionKeyOf: async () => keys.publicKey,
      session: async () => state.session,
    } as unknown as ConsumerChain,
    sender: {
      call: async (what, _to, data) => {
        const { functionName, args } = decodeFunctionData({ abi: jobRegistryAbi, data });
        state.calls.push(functionName);
        const failure = state.failures[0];
        if (failure?.name === functionName) {
          state.failures.shift();
          throw new TransactionFailed(what, failure.error.message, null, failure.error);
        }
        const logs = mined(functionName, args ?? []);
        return { logs, transactionHash: `0x${String(state.calls.length).padStart(64, "0")}` } as TransactionReceipt;
      },
      blob: () => Promise.reject(new Error("not here")),
    },
    clock: steppedClock(),
    dispatcher: {
      select: async () => {
        const chosen = state.selections.length > 1 ? state.selections.shift() : state.selections[0];
        return chosen && { worker: chosen, selectionId: "s" };
      },
      prepare: async ({ selectionId }) => vouch(`new ${selectionId}`),
      prepareKey: async ({ session }) => vouch(`key of ${session}`),
    },
  };
});
const open = () => openDispatchedSession(ports, model, patience);
const revert = (errorName: "InvalidDispatcherSignature" | "WorkerNotEligible") => {
  const data =
    errorName === "WorkerNotEligible"
      ? encodeErrorResult({ abi: jobRegistryAbi, errorName, args: [worker.address, modelIdOf(model)] })
      : encodeErrorResult({ abi: jobRegistryAbi, errorName });
  return Object.assign(new Error("execution reverted"), { data });
};

describe("opening a session by the dispatcher's word", () => {
  test("wraps a new key for the worker as the chain knows it, and holds the session against the chain", async () => {
    const session = await open();
    expect(session).toMatchObject({ id: 42n, requestId: null, worker: worker.address });
    expect(session.transactions).toHaveLength(1);
    const wrapped = Buffer.from(state.session.encWorkerKey.slice(2), "hex");
    expect(Buffer.from(unwrapSessionKey(wrapped, keys))).toEqual(Buffer.from(session.key));
  });

  test("waits while no worker is free, and not for ever", async () => {
    state.selections = [undefined, undefined, worker.address];
    expect((await open()).worker).toBe(worker.address);
    expect(ports.clock.now()).toBe(2_000);
    state.selections = [undefined];
    await expect(open()).rejects.toThrow(NoWorkerFree);
  });

  test.each([
    ["a selection that is gone", () => state.refusals.push(new DispatcherRefused("no_pending_selection", ""))],
    ["another selection", () => state.refusals.push(new DispatcherRefused("selection_mismatch", ""))],
    [
      "a signature that was used up",
      () => state.failures.push({ name: "createSession", error: revert("InvalidDispatcherSignature") }),
    ],
  ])("begins once more after %s", async (_, arrange) => {
    arrange();
    expect((await open()).id).toBe(42n);
    expect(state.prepared).toEqual(["new s", "new s"]);
  });

  test("begins once more, and no more than that", async () => {
    const error = revert("InvalidDispatcherSignature");
    state.failures.push({ name: "createSession", error }, { name: "createSession", error });
    await expect(open()).rejects.toThrow(TransactionFailed);
    expect(state.calls).toEqual(["createSession", "createSession"]);
  });

  test("does not try again what another signature would not help", async () => {
    state.failures.push({ name: "createSession", error: revert("WorkerNotEligible") });
    await expect(open()).rejects.toThrow(/LF1034.*create a session/s);
    expect(state.calls).toEqual(["createSession"]);
  });

  test("does not use a session that is not the one that was agreed", async () => {
    state.selections = [stranger.address];
    await expect(open()).rejects.toThrow(WrongSession);
  });
});

describe("reassigning a session", () => {
  test("gives the worker that the contract drew the same key, wrapped for it", async () => {
    const session = await open();
    state.session = { ...state.session, status: "Reassigning" };
    const moved = await reassignSession(ports, session);
    expect(moved).toMatchObject({ id: 42n, worker: stranger.address, key: session.key });
    expect(moved.transactions).toHaveLength(3);
    expect(state.prepared.at(-1)).toBe("key of 42");
    expect(state.session.status).toBe("Active");
  });

  test("that broke off after the draw goes on with that worker, without another draw", async () => {
    const session = await open();
    state.session = { ...state.session, status: "Reassigning" };
    state.refusals.push(new DispatcherRefused("could not be reached", ""));
    await expect(reassignSession(ports, session)).rejects.toThrow(DispatcherRefused);
    expect((await reassignSession(ports, session)).worker).toBe(stranger.address);
    expect(state.calls).toEqual(["createSession", "reassignSession", "updateSessionKey"]);
  });
});
