import { zeroAddress } from "viem";
import type { Job } from "../../abi/job.js";
import type { Observed } from "../../lifecycle/types.js";
import { later, wei, type ModelId } from "../../schema/units.js";
import { ChainUnavailable } from "../../sidecar/failures.js";
import type { Journal } from "../../sidecar/journal.js";
import type { Chain, ObserveOptions } from "../../sidecar/ports.js";
import { contracts, rules, seconds, worker, type World } from "./world.js";

export const chainId = 8200;

/** How older contracts answer for an id that they do not know. */
const noJob = { worker: zeroAddress } as unknown as Job;

/** The chain port over the simulated world. */
export function createSimulatedChain(world: World, journal: Pick<Journal, "allTransactions">): Chain {
  const answer = async <T>(read: () => T): Promise<T> => {
    if (!world.reachable) throw new ChainUnavailable("anything", new Error("the node is down"));
    return read();
  };
  const found = <T>(value: T | undefined, what: string): T => {
    if (value === undefined) throw new Error(`no such ${what}`);
    return value;
  };
  return {
    chainId,
    head: () => answer(() => world.head),
    onHead: (listener) => {
      world.listeners.add(listener);
      return () => world.listeners.delete(listener);
    },
    get trouble() {
      return world.reachable ? null : new ChainUnavailable("the newest block", new Error("the node is down"));
    },
    job: (id) => answer(() => ({ ...(world.jobs.get(id) ?? noJob) })),
    session: (id) => answer(() => ({ ...found(world.sessions.get(id), "session") })),
    request: (id) => answer(() => ({ ...found(world.requests.get(id), "request") })),
    requiredCapabilities: () => answer(() => 0n),
    ownCapabilities: () => answer(() => world.registration?.capabilities ?? 0n),
    eligibleNow: (id) => answer(() => world.head.number > found(world.requests.get(id), "request").requestBlock + 1n),
    requestsBetween: (from, to) => answer(() => world.requestLogs.filter(({ block }) => block >= from && block <= to)),
    jobsBetween: (from, to) =>
      answer(() =>
        world.jobLogs.filter(
          ({ job, block }) => block >= from && block <= to && world.jobs.get(job)?.worker === worker,
        ),
      ),
    earlierJobs: (session, before) =>
      answer(() => world.jobLogs.filter((log) => log.session === session && log.job < before).map(({ job }) => job)),
    ownBlobs: (from, to) =>
      answer(() =>
        world.mined.flatMap(({ blob, mined }) =>
          blob === undefined || mined === null || mined.block < from || mined.block > to
            ? []
            : [{ hash: blob.hash, block: mined.block, time: world.timeOf(mined.block) }],
        ),
      ),
    completionBlock: (job, _from, to) =>
      answer(() => {
        const block = world.jobs.get(job)?.completionBlockNumber ?? null;
        return block !== null && block <= to ? block : null;
      }),
    observe: (about) => answer(() => observe(world, journal, about)),
  };
}

function observe(world: World, journal: Pick<Journal, "allTransactions">, about: ObserveOptions): Observed {
  const { registration } = world;
  const supported = (id: ModelId): boolean => registration?.models.has(id) ?? false;
  const jobs = [...world.jobs].filter(
    ([, { state, worker: of }]) => of === worker && state !== "Released" && state !== "TimedOut",
  );
  return {
    at: world.head,
    chainId,
    contracts,
    worker,
    nonce: { latest: world.nonce, pending: world.nonce + world.mempool.length },
    balance: wei(world.balance),
    gasPrice: 1_000_000_000n,
    rules: {
      minimumStake: wei(rules.stake),
      ackTimeout: seconds(rules.ackTimeout),
      completionTimeout: seconds(rules.completionTimeout),
      disputeWindow: seconds(rules.disputeWindow),
      inactivityTimeout: null,
      slashBps: { ack: 0n, completion: 0n, dispute: 0n },
      suspensionThreshold: 100n,
      maxConcurrentJobs: null,
      selfContained: rules.selfContained,
      mode: world.selection,
      paused: { workers: false, jobs: world.jobsPaused },
      models: about.models.map((id) => ({ id, whitelisted: true, enabled: true, fee: wei(rules.fee) })),
    },
    registration:
      registration === null
        ? null
        : {
            stake: wei(registration.stake),
            encryptionKey: registration.key,
            models: about.models.filter(supported),
            eligible: about.models.filter(supported),
            capabilities: registration.capabilities,
            offences: registration.offences,
            suspendedUntil: null,
            activeJobs: BigInt(jobs.length),
          },
    sessions: [...world.sessions].map(([id, { modelId, user, status }]) => ({
      id,
      model: modelId,
      user,
      standing: status === "Active" ? "open" : "dead",
    })),
    jobs: jobs.map(([id, job]) => ({
      id,
      session: job.sessionId,
      model: world.sessions.get(job.sessionId)!.modelId,
      state: job.state,
      escrow: job.escrowedFee,
      deadline: job.deadline,
      releasableAt: job.completedAt === null ? null : later(job.completedAt, seconds(rules.disputeWindow)),
      noFaultAt: null,
    })),
    earnings: wei(world.earnings),
    sent: journal.allTransactions(),
    server: about.server,
    rehearsed: about.rehearsed,
    leftGeneration: about.leftGeneration,
  };
}
