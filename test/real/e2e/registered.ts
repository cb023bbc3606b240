import { workerRegistryAbi } from "../../../abi/worker-registry.js";
import type { Stage } from "../../../scripts/rehearsal/stage.js";
import type { Address } from "../../../schema/units.js";

/** Whether the chain has a worker among those that serve. */
export const isRegistered = (
  { client, contracts }: Pick<Stage, "client" | "contracts">,
  worker: Address,
): Promise<boolean> =>
  client.readContract({
    address: contracts.workerRegistry,
    abi: workerRegistryAbi,
    functionName: "isWorkerRegistered",
    args: [worker],
  });
