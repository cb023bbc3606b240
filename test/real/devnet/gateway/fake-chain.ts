import { Hono } from "hono";
import { decodeFunctionData, encodeFunctionResult, zeroAddress, zeroHash } from "viem";
import { jobRegistryAbi } from "../../../../abi/job-registry.js";
import { workerRegistryAbi } from "../../../../abi/worker-registry.js";
import { serveOnLoopback } from "../../../../devnet/loopback.js";
import type { Address, Hex } from "../../../../schema/units.js";

/** A JSON-RPC node that answers `eth_call` for the two reads a gateway needs. */
export async function startFakeChain(state: { registered: Set<Address>; owners: Map<bigint, Address> }) {
  const answerTo = (to: Address, data: Hex): Hex => {
    if (to.endsWith("1002")) {
      const { args } = decodeFunctionData({ abi: workerRegistryAbi, data });
      const isRegistered = state.registered.has(args[0] as Address);
      return encodeFunctionResult({ abi: workerRegistryAbi, functionName: "isWorkerRegistered", result: isRegistered });
    }
    const { args } = decodeFunctionData({ abi: jobRegistryAbi, data });
    return encodeFunctionResult({
      abi: jobRegistryAbi,
      functionName: "getSession",
      result: {
        user: state.owners.get(args[0] as bigint) ?? zeroAddress,
        modelId: zeroHash,
        worker: zeroAddress,
        status: 0,
        encWorkerKey: "0x",
        encDisputerKey: "0x",
        jobCount: 0n,
        lastActivityAt: 0n,
        reassignCount: 0n,
        deposit: 0n,
        excludedWorkers: [],
      },
    });
  };
  const app = new Hono();
  app.post("/", async (context) => {
    const { id, params } = await context.req.json<{ id: number; params: [{ to: Address; data: Hex }] }>();
    return context.json({ jsonrpc: "2.0", id, result: answerTo(params[0].to, params[0].data) });
  });
  const served = await serveOnLoopback(app, "fake chain");
  return { rpcUrl: `http://127.0.0.1:${served.port}`, stop: () => served.stop() };
}
