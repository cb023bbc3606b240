import { encodeFunctionData } from "viem";
import { jobRegistryAbi } from "../abi/job-registry.js";
import { workerRegistryAbi } from "../abi/worker-registry.js";
import { wei, type Address, type Hex, type JobId, type ModelId, type Wei } from "../schema/units.js";
import { gasBound, gasCost } from "./gas.js";
import { lcai } from "./money.js";
import { nextPurpose, purposeId } from "./purpose.js";
import type { Blocker, Observed, Step, WaitUntil } from "./types.js";

/** What a way of planning answers, before the mempool is looked at. */
export interface Draft {
  readonly steps: readonly Step[];
  readonly blockers: readonly Blocker[];
  /** Leaves the balance into the stake. */
  readonly toStake: Wei;
  /** Missing in the balance. */
  readonly shortfall: Wei;
  /** Most that the gas of all steps costs. */
  readonly gas: Wei;
}

/** A draft of steps, without money unless it is said. */
export const draft = (steps: readonly Step[], more: Partial<Omit<Draft, "steps">> = {}): Draft => ({
  steps,
  blockers: [],
  toStake: wei(0n),
  shortfall: wei(0n),
  gas: wei(0n),
  ...more,
});

/** A wait, and for a person why. */
export const waitFor = (until: WaitUntil, because: string): Step => ({ do: "wait", until, because });

/** A step that is a transaction. */
export type TransactionStep = Extract<Step, { purpose: unknown }>;

/** A step together with the bound of its gas, in gas. */
export interface PricedStep {
  readonly step: Step;
  readonly gas: bigint;
}

/** Most that these steps cost at the node's price. */
export const costOf = (steps: readonly PricedStep[], gasPrice: bigint): Wei =>
  gasCost(
    steps.reduce((sum, { gas }) => sum + gas, 0n),
    gasPrice,
  );

/** A step that costs no gas of its own. */
export const free = (step: Step): PricedStep => ({ step, gas: 0n });

/** What {@link stepsOf} makes. */
export type Steps = ReturnType<typeof stepsOf>;

/** The transactions of a worker's life, ready to be sent. One builder for one worker and generation. */
export function stepsOf(observed: Observed, generation: number) {
  const { chainId, worker, sent, contracts } = observed;
  const models = Math.max(observed.registration?.models.length ?? 0, 1);
  const once = { chainId, worker, generation };
  const registry = (functionData: Hex, value: Wei = wei(0n)) => ({
    to: contracts.workerRegistry,
    data: functionData,
    value,
  });
  const jobs = (functionData: Hex) => ({ to: contracts.jobRegistry, data: functionData, value: wei(0n) });

  return {
    rehearse: (): PricedStep => ({ step: { do: "rehearse" }, gas: gasBound("rehearse") }),

    register: (encryptionKey: Hex, stake: Wei): PricedStep => ({
      gas: gasBound("register"),
      step: {
        do: "register",
        purpose: purposeId({ ...once, kind: "register" }),
        summary: `register worker ${worker} with a stake of ${lcai(stake)} LCAI`,
        ...registry(
          encodeFunctionData({ abi: workerRegistryAbi, functionName: "registerWorker", args: [encryptionKey] }),
          stake,
        ),
      },
    }),

    addModel: (model: ModelId): PricedStep => ({
      gas: gasBound("addModel"),
      step: {
        do: "addModel",
        purpose: nextPurpose({ ...once, kind: "addModel", of: model }, sent),
        summary: `serve model ${model}`,
        ...registry(encodeFunctionData({ abi: workerRegistryAbi, functionName: "addSupportedModel", args: [model] })),
      },
    }),

    removeModel: (model: ModelId): PricedStep => ({
      gas: gasBound("removeModel"),
      step: {
        do: "removeModel",
        purpose: nextPurpose({ ...once, kind: "removeModel", of: model }, sent),
        summary: `serve model ${model} no longer`,
        ...registry(
          encodeFunctionData({ abi: workerRegistryAbi, functionName: "removeSupportedModel", args: [model] }),
        ),
      },
    }),

    setCapabilities: (mask: bigint): PricedStep => ({
      gas: gasBound("setCapabilities"),
      step: {
        do: "setCapabilities",
        purpose: nextPurpose({ ...once, kind: "setCapabilities" }, sent),
        summary: "declare that self-contained conversations are served",
        ...registry(encodeFunctionData({ abi: workerRegistryAbi, functionName: "setCapabilities", args: [mask] })),
      },
    }),

    topUp: (amount: Wei): PricedStep => ({
      gas: gasBound("topUp", { models }),
      step: {
        do: "topUp",
        purpose: nextPurpose({ ...once, kind: "topUp" }, sent),
        summary: `add ${lcai(amount)} LCAI to the stake`,
        ...registry(encodeFunctionData({ abi: workerRegistryAbi, functionName: "topUpStake" }), amount),
      },
    }),

    reinstate: (): PricedStep => ({
      gas: gasBound("reinstate", { models }),
      step: {
        do: "reinstate",
        purpose: nextPurpose({ ...once, kind: "reinstate" }, sent),
        summary: "end the suspension",
        ...registry(encodeFunctionData({ abi: workerRegistryAbi, functionName: "reinstate" })),
      },
    }),

    release: (ids: readonly JobId[]): PricedStep => ({
      gas: gasBound("release", { jobs: ids.length }),
      step: {
        do: "release",
        // Named by its first job, which no other release will ever hold: each job is released once.
        purpose: nextPurpose({ ...once, kind: "release", of: `${ids[0] ?? "none"}` }, sent),
        summary: `release ${ids.length} job(s) whose dispute window has passed`,
        ...jobs(encodeFunctionData({ abi: jobRegistryAbi, functionName: "releaseJobs", args: [ids] })),
      },
    }),

    settle: (id: JobId): PricedStep => ({
      gas: gasBound("settle"),
      step: {
        do: "settle",
        purpose: nextPurpose({ ...once, kind: "settle", of: `${id}` }, sent),
        summary: `settle job ${id}, which was never answered, without a slash`,
        ...jobs(encodeFunctionData({ abi: jobRegistryAbi, functionName: "settleStuckJob", args: [id] })),
      },
    }),

    withdraw: (): PricedStep => ({
      gas: gasBound("withdraw"),
      step: {
        do: "withdraw",
        purpose: nextPurpose({ ...once, kind: "withdraw" }, sent),
        summary: "withdraw what was earned",
        ...jobs(encodeFunctionData({ abi: jobRegistryAbi, functionName: "withdraw" })),
      },
    }),

    deregister: (stake: Wei): PricedStep => ({
      gas: gasBound("deregister", { models }),
      step: {
        do: "deregister",
        purpose: nextPurpose({ ...once, kind: "deregister" }, sent),
        summary: `deregister worker ${worker}; its stake of ${lcai(stake)} LCAI comes back`,
        ...registry(encodeFunctionData({ abi: workerRegistryAbi, functionName: "deregisterWorker" })),
      },
    }),

    sweep: (refundTo: Address, value: Wei): PricedStep => ({
      gas: gasBound("sweep"),
      step: {
        do: "sweep",
        purpose: nextPurpose({ ...once, kind: "sweep" }, sent),
        to: refundTo,
        data: "0x",
        value,
        summary: `send ${lcai(value)} LCAI, all that is left, to ${refundTo}`,
      },
    }),
  };
}
