import type { LocalAccount } from "viem";
import { z } from "zod";
import { addressSchema } from "../../schema/network.js";
import { describeError } from "../../schema/errors.js";
import type { Address, Hex, ModelId, SessionId } from "../../schema/units.js";
import { DispatcherRefused } from "./errors.js";

/** What a dispatcher vouches for: this worker, until block time `expiry` (Unix seconds). */
export interface Vouched {
  readonly worker: Address;
  readonly signature: Hex;
  readonly expiry: bigint;
}

/** A consumer at its dispatcher; logs in by itself, and once more on a 401. Everything rejects with DispatcherRefused (LF1051). */
export interface DispatcherClient {
  /** Chooses a worker; `undefined` while there is none. */
  select(model: ModelId): Promise<{ readonly worker: Address; readonly selectionId: string } | undefined>;
  /** The word on a new session with the selected worker. */
  prepare(request: { model: ModelId; selectionId: string; encWorkerKey: Hex }): Promise<Vouched>;
  /** The word on another key for a session. */
  prepareKey(request: { session: SessionId; encWorkerKey: Hex }): Promise<Vouched>;
}

const ANSWER_MS = 30_000;
const challengeAnswer = z.object({ message: z.string() });
const tokenAnswer = z.object({ token: z.string() });
const selectAnswer = z.object({ worker: addressSchema, selectionId: z.string() });
const prepareAnswer = z.object({
  worker: addressSchema,
  signature: z
    .string()
    .regex(/^0x[0-9a-fA-F]{130}$/)
    .transform((text) => text as Hex),
  expiry: z.int().positive().transform(BigInt),
});
const refusal = z.object({ error: z.string(), message: z.string().default("") });

/**
 * Source: consumer reference §7.1, §7.2 (classic rows), §7.3. Wrapped keys travel as base64 on these routes.
 * @param url the network's `endpoints.dispatcher`
 */
export function createDispatcherClient(url: string, account: LocalAccount): DispatcherClient {
  let token: string | undefined;

  const exchange = async (path: string, init: RequestInit): Promise<Response> => {
    try {
      return await fetch(new URL(path, url), { ...init, signal: AbortSignal.timeout(ANSWER_MS) });
    } catch (error) {
      throw new DispatcherRefused("could not be reached", describeError(error), error);
    }
  };
  const read = async <T>(response: Response, schema: z.ZodType<T>): Promise<T> => {
    const json: unknown = await response.json().catch(() => undefined);
    if (!response.ok) {
      const { data } = refusal.safeParse(json);
      throw new DispatcherRefused(data?.error ?? `status ${response.status}`, data?.message ?? "");
    }
    const answer = schema.safeParse(json);
    if (answer.success) return answer.data;
    throw new DispatcherRefused("gave no usable answer", z.prettifyError(answer.error));
  };
  const sending = (body: object, bearer?: string): RequestInit => ({
    method: "POST",
    headers: { "content-type": "application/json", ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }) },
    body: JSON.stringify(body),
  });
  const logIn = async (): Promise<string> => {
    const path = `/api/auth/challenge?address=${account.address}`;
    const { message } = await read(await exchange(path, {}), challengeAnswer);
    const signature = await account.signMessage({ message });
    return (await read(await exchange("/api/auth/verify", sending({ message, signature })), tokenAnswer)).token;
  };
  const post = async (path: string, body: object): Promise<Response> => {
    token ??= await logIn();
    const response = await exchange(path, sending(body, token));
    if (response.status !== 401) return response;
    token = await logIn();
    return exchange(path, sending(body, token));
  };
  const keys = (encWorkerKey: Hex) => ({
    encWorkerKey: Buffer.from(encWorkerKey.slice(2), "hex").toString("base64"),
    encDisputerKey: "", // the rehearsal network has no disputer to wrap one for
  });

  return {
    select: async (model) => {
      try {
        return await read(await post("/api/sessions/select", { modelId: model }), selectAnswer);
      } catch (error) {
        if (error instanceof DispatcherRefused && error.reason === "no_worker_available") return undefined;
        throw error;
      }
    },
    prepare: async ({ model, selectionId, encWorkerKey }) =>
      read(await post("/api/sessions/prepare", { modelId: model, selectionId, ...keys(encWorkerKey) }), prepareAnswer),
    prepareKey: async ({ session, encWorkerKey }) =>
      read(
        await post("/api/sessions/prepare", { sessionId: session.toString(), ...keys(encWorkerKey) }),
        prepareAnswer,
      ),
  };
}
