import { privateKeyToAccount } from "viem/accounts";
import type { Job, Session } from "../../../abi/job.js";
import type { DispatcherView, JobEvent } from "../../../devnet/dispatcher/chain.js";
import type { Candidate } from "../../../devnet/dispatcher/choose.js";
import type { DispatcherParts } from "../../../devnet/dispatcher/consumer-app.js";
import { Faults } from "../../../devnet/faults.js";
import { createChallenges } from "../../../devnet/gateway/challenges.js";
import { createTokens } from "../../../devnet/gateway/tokens.js";
import { modelIdOf } from "../../../protocol/model-id.js";
import { blockTime, jobId, sessionId, wei, type Address, type JobId } from "../../../schema/units.js";
import { createLogger } from "../../../system/log.js";
import { chain, consumer, HeldClock, worker } from "../gateway/parts.js";

export const model = modelIdOf("llama3-8b");
export const dispatcher = privateKeyToAccount("0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6");
export const aiConfig: Address = "0xeCF4Ca5Ba6D97ae586993e170764a1E92231b67e";
/** Public key of a worker, in form only. */
export const publicKey = `0x04${"ab".repeat(64)}` as const;

export const session42: Session = {
  user: consumer.address,
  modelId: model,
  worker: worker.address,
  status: "Active",
  encWorkerKey: "0x",
  encDisputerKey: "0x",
  jobCount: 0n,
  lastActivityAt: blockTime(0n),
  reassignCount: 0n,
  deposit: wei(0n),
  excludedWorkers: [],
};
export const submitted: Job = {
  sessionId: sessionId(42n),
  worker: worker.address,
  state: "Submitted",
  escrowedFee: wei(1n),
  promptBlobHash: `0x01${"11".repeat(31)}`,
  responseBlobHash: null,
  submittedAt: blockTime(1_000n),
  ackTimestamp: null,
  completedAt: null,
  deadline: blockTime(1_090n),
  disputeFiler: null,
  disputeBond: wei(0n),
  reExecutionBlobHash: null,
  similarityScore: 0n,
  disputeCreatedAt: null,
  responseCiphertextHash: null,
  submitBlockNumber: 5n,
  completionBlockNumber: null,
};

/** A chain as the dispatcher asks it; change its fields to change what it says. */
export function fakeChain() {
  const state = {
    sortition: false,
    eligible: new Set<Address>([worker.address]),
    nonce: 3n,
    session: { ...session42 } as Session | undefined,
    jobs: new Map<JobId, Job>(),
    earlier: [jobId(7n)] as readonly JobId[],
    head: { number: 10n, time: 2_000n },
    events: [] as JobEvent[],
    reachable: true,
  };
  const asked = async <T>(answer: T): Promise<T> => {
    if (!state.reachable) throw new Error("the node is down");
    return answer;
  };
  const view: DispatcherView = {
    isSortition: () => asked(state.sortition),
    isEligible: (who) => asked(state.eligible.has(who)),
    encryptionKeyOf: () => asked(publicKey),
    nonceOf: () => asked(state.nonce),
    session: (id) => asked(id === 42n ? state.session : undefined),
    job: (id) => asked(state.jobs.get(id) ?? submitted),
    earlierJobs: () => asked(state.earlier),
    head: () => asked(state.head),
    eventsBetween: (from, to) => asked(state.events.filter(({ block }) => block >= from && block <= to)),
  };
  return { state, view };
}

/** A dispatcher's parts around {@link fakeChain} and one worker that is ready. */
export function partsWith(over: Partial<DispatcherParts> = {}) {
  const clock = new HeldClock();
  const { state, view } = fakeChain();
  const candidates: Candidate[] = [
    {
      worker: worker.address,
      models: [model],
      capabilities: [],
      isStale: false,
      isDraining: false,
      free: 2,
      chosenMs: 0,
    },
  ];
  const chosen: Address[] = [];
  const parts: DispatcherParts = {
    chain: { ...chain, aiConfig },
    view,
    account: dispatcher,
    challenges: createChallenges(clock, "test"),
    tokens: createTokens(clock),
    candidates: () => candidates,
    chosen: (who) => void chosen.push(who),
    faults: new Faults(),
    clock,
    log: createLogger("dispatcher", { level: "silent" }),
    ...over,
  };
  return { parts, state, candidates, chosen, clock };
}
