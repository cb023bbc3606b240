import { getAddress, parseEther } from "viem";
import { purposeId, type PurposeKind } from "../../lifecycle/purpose.js";
import type { Desired, JobStanding, Observed, Registration, SentTx, WorkerSession } from "../../lifecycle/types.js";
import { blockTime, chainSeconds, jobId, modelId, sessionId, wei, type Address, type Wei } from "../../schema/units.js";

/* Words for the situations of a worker, so that tests read as such. */

export const lcai = (amount: string): Wei => wei(parseEther(amount));
export const worker: Address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
export const refundTo: Address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
export const contracts = {
  workerRegistry: "0x0000000000000000000000000000000000001002",
  jobRegistry: getAddress("0x00000000000000000000000000000000000a0001"),
  aiConfig: getAddress("0x00000000000000000000000000000000000a0002"),
  sessionManager: getAddress("0x00000000000000000000000000000000000a0003"),
  reputationRegistry: null,
} as const;
export const encryptionKey = `0x04${"11".repeat(64)}` as const;
export const llama = modelId(`0x${"aa".repeat(32)}`);
export const gemma = modelId(`0x${"bb".repeat(32)}`);
export const now = 1_750_000_000n;
export const gwei = 10n ** 9n;

export const hours = (count: number) => blockTime(now + BigInt(Math.round(count * 3600)));

export const serving: Extract<Desired, { kind: "serving" }> = {
  kind: "serving",
  generation: 1,
  models: [llama],
  stake: { kind: "minimum", max: lcai("6000") },
  encryptionKey,
  gasReserve: lcai("10"),
};
export const gone: Extract<Desired, { kind: "gone" }> = { kind: "gone", refundTo, generation: 1 };

/** A worker of whom nothing is on the chain, with the given differences. */
export function nobody(different: Partial<Observed> = {}): Observed {
  return {
    at: { number: 1_000n, hash: `0x${"01".repeat(32)}`, time: blockTime(now) },
    chainId: 8200,
    contracts,
    worker,
    nonce: { latest: 0, pending: 0 },
    balance: wei(0n),
    gasPrice: gwei,
    rules: {
      minimumStake: lcai("5000"),
      ackTimeout: chainSeconds(90n),
      completionTimeout: chainSeconds(120n),
      disputeWindow: chainSeconds(86_400n),
      inactivityTimeout: chainSeconds(3_600n),
      slashBps: { ack: 200n, completion: 500n, dispute: 1_500n },
      suspensionThreshold: 3n,
      maxConcurrentJobs: 4n,
      selfContained: 1n,
      mode: "sortition",
      paused: { workers: false, jobs: false },
      models: [llama, gemma].map((id) => ({ id, whitelisted: true, enabled: true, fee: lcai("0.02") })),
    },
    registration: null,
    sessions: [],
    jobs: [],
    earnings: wei(0n),
    sent: [],
    server: "serving",
    rehearsed: true,
    leftGeneration: 0,
    ...different,
  };
}

/** A worker that serves llama with the minimum stake and 10 LCAI for gas, with the given differences. */
export function workerWith(
  different: Partial<Observed> = {},
  registration: Partial<Registration> | null = {},
): Observed {
  const jobs = different.jobs ?? [];
  return nobody({
    nonce: { latest: 5, pending: 5 },
    balance: lcai("10"),
    registration:
      registration === null
        ? null
        : {
            stake: lcai("5000"),
            encryptionKey,
            models: [llama],
            eligible: [llama],
            capabilities: 1n,
            offences: 0n,
            suspendedUntil: null,
            activeJobs: BigInt(jobs.length),
            ...registration,
          },
    ...different,
  });
}

export const job = (id: number, different: Partial<JobStanding> = {}): JobStanding => ({
  id: jobId(BigInt(id)),
  session: sessionId(7n),
  model: llama,
  state: "Completed",
  escrow: lcai("0.02"),
  deadline: blockTime(now + 60n),
  releasableAt: null,
  noFaultAt: null,
  ...different,
});
/** A completed job that can be released so many hours from now (before now: already). */
export const completed = (id: number, releasableInHours: number, model = llama): JobStanding =>
  job(id, { releasableAt: hours(releasableInHours), model });

export const session = (id: number, standing: WorkerSession["standing"]): WorkerSession => ({
  id: sessionId(BigInt(id)),
  model: llama,
  user: refundTo,
  standing,
});

/** A transaction of the worker, by what it was for. */
export function sentTx(kind: PurposeKind, detail: string | undefined, different: Partial<SentTx> = {}): SentTx {
  const nonce = different.nonce ?? 4;
  return {
    purpose: purposeId({ chainId: 8200, worker, kind, generation: 1, ...(detail === undefined ? {} : { detail }) }),
    from: worker,
    nonce,
    hash: `0x${nonce.toString(16).padStart(64, "0")}`,
    raw: "0x00",
    lane: "plain",
    outcome: "mined",
    mined: { block: 900n, fee: wei(1n) },
    ...different,
  };
}
