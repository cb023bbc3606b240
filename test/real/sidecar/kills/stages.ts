import { toFunctionSelector, type Hex } from "viem";
import { jobRegistryAbi } from "../../../../abi/job-registry.js";
import { sessionManagerAbi } from "../../../../abi/session-manager.js";
import type { Fault } from "../../../../devnet/faults.js";
import { until } from "../../devnet/chain/harness.js";
import type { Ground, View } from "./ground.js";

/** A moment in a job's life, and how to stop the world there for as long as it takes to kill the worker. */
export interface Stage {
  readonly name: string;
  /** Makes sure that the worker cannot get past the stage. Called before the session is asked for. */
  readonly arrange: (ground: Ground) => void;
  /** Resolves when the worker is at the stage. `job`: the newest job before this one. */
  readonly reached: (ground: Ground, job: bigint) => Promise<void>;
  /** What the journal may say about the job after the kill; `none`: nothing yet. */
  readonly states: readonly string[];
}

const selectorOf = (abi: typeof jobRegistryAbi | typeof sessionManagerAbi, name: string): Hex => {
  const found = abi.find((item) => item.type === "function" && item.name === name);
  if (found?.type !== "function") throw new Error(`${name} is not in the interface`);
  return toFunctionSelector(found);
};
const from = ({ worker }: Ground): Hex => worker.address.toLowerCase() as Hex;
const withhold = (match: Extract<Fault, { part: "chain" }>["match"]): Fault => ({
  part: "chain",
  kind: "withhold",
  match,
});

/** The node's pool holds a transaction of this purpose that no block has. */
const isPending = async (ground: Ground, kind: RegExp): Promise<boolean> => {
  const sent = (await ground.now()).open.filter(({ purpose }) => kind.test(purpose));
  for (const { hash } of sent) {
    const known = await ground.client.getTransaction({ hash }).catch(() => undefined);
    if (known?.blockHash === null) return true;
  }
  return false;
};
/** The state of the job after the one that was the newest `before`. */
export const stateAfter = ({ job }: View, before: bigint): string =>
  job === null || job.id <= before ? "none" : job.state;

/** Pieces of an answer that pass before it is stopped: some, so that the consumer has seen the stream begin. */
const somePieces = 5;

export const stages: readonly Stage[] = [
  {
    name: "claim sent",
    arrange: (ground) =>
      void ground.devnet.faults.add(
        withhold({ from: from(ground), selector: selectorOf(sessionManagerAbi, "claimSession") }),
      ),
    reached: (ground) => until(() => isPending(ground, /\/claim\//)),
    states: ["none"],
  },
  {
    name: "acknowledgement sent",
    arrange: (ground) =>
      void ground.devnet.faults.add(
        withhold({ from: from(ground), selector: selectorOf(jobRegistryAbi, "acknowledgeJob") }),
      ),
    reached: (ground) => until(() => isPending(ground, /\/acknowledge\//)),
    states: ["acking"],
  },
  {
    name: "mid-stream",
    arrange: ({ ollama }) => ollama.pauseAfter(somePieces),
    reached: async (ground, job) => {
      await ground.ollama.paused();
      await until(async () => stateAfter(await ground.now(), job) === "acked");
    },
    states: ["acked"],
  },
  {
    name: "answer stored",
    arrange: ({ ollama }) => ollama.pauseAfter(somePieces),
    reached: async (ground, job) => {
      await ground.ollama.paused();
      await until(async () => stateAfter(await ground.now(), job) === "acked");
      // Nothing can be sent without the chain: the answer is stored, and stays where it is.
      ground.devnet.faults.add({ part: "rpc", kind: "hang", match: { method: "eth_call" } });
      ground.ollama.resume();
      await until(async () => stateAfter(await ground.now(), job) !== "acked");
    },
    states: ["answered", "signed", "publishing", "blobbing"],
  },
  {
    name: "blob sent",
    arrange: (ground) => void ground.devnet.faults.add(withhold({ from: from(ground), type: "blob" })),
    reached: (ground) => until(() => isPending(ground, /\/answer\//)),
    states: ["blobbing"],
  },
  {
    name: "completion sent",
    arrange: (ground) =>
      void ground.devnet.faults.add(
        withhold({ from: from(ground), selector: selectorOf(jobRegistryAbi, "completeJob") }),
      ),
    reached: (ground) => until(() => isPending(ground, /\/complete\//)),
    states: ["completing"],
  },
];
