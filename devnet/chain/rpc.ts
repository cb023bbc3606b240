import { getHttpRpcClient } from "viem/utils";

/** Calls one JSON-RPC method; rejects with {@link RpcRefused} when the node answers with an error. The result is trusted to be a `T`. */
export type Rpc = <T>(method: string, params?: readonly unknown[]) => Promise<T>;

/** A node's error answer. */
export class RpcRefused extends Error {
  constructor(
    readonly method: string,
    readonly code: number,
    message: string,
  ) {
    super(`${method}: ${message}`);
  }
}

/**
 * JSON-RPC to our own geth, for the methods that viem has no actions for (Engine API, pool).
 * @param headers made anew for each call, for tokens that expire
 */
export function connectRpc(url: string, headers?: () => Promise<Record<string, string>>): Rpc {
  const client = getHttpRpcClient(url, { timeout: 30_000 });
  // On one machine packing an answer takes longer than sending it as it is.
  const plain = { "content-type": "application/json", "accept-encoding": "identity" };
  return async <T>(method: string, params: readonly unknown[] = []): Promise<T> => {
    const answer = await client.request({
      body: { method, params },
      fetchOptions: { headers: { ...plain, ...(await headers?.()) } },
    });
    const { error, result } = answer as { error?: { code: number; message: string }; result?: unknown };
    if (error) throw new RpcRefused(method, error.code, error.message);
    return result as T;
  };
}
