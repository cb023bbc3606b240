import { getAddress, type PublicClient } from "viem";
import type { Contracts } from "../abi/bootstrap.js";
import { blockTime, wei, type Address, type ModelId } from "../schema/units.js";
import { contractReads } from "./contract-reads.js";
import { RegistrationNotFound } from "./errors.js";
import { findRegistration, readHistory, type WorkerHistory } from "./history.js";
import { answered, nodeOf } from "./node.js";
import { nothingFinished, readJobs, readSessions } from "./observe-jobs.js";
import { refreshSent } from "./refresh-sent.js";
import type { Observed, SentTx } from "./types.js";

/** Whose standing is read, and where. */
export interface Observing {
  readonly client: PublicClient;
  readonly contracts: Contracts;
  readonly chainId: number;
  readonly worker: Address;
}

/** What the chain cannot tell, and what to ask it about. */
export interface ObserveInput {
  /** Desired models; those that the worker ever added are asked about too. */
  readonly models: readonly ModelId[];
  /** Block of the registration. `null` when it is not known: it is searched for if the worker is registered. */
  readonly since: bigint | null;
  readonly sent: readonly SentTx[];
  readonly server: Observed["server"];
  readonly rehearsed: boolean;
  readonly leftGeneration: number;
}

/** Observes one worker again and again, and remembers what cannot change any more, so that each look costs little. */
export interface Observer {
  /**
   * Reads everything that a decision needs, all at one block, plus the mempool's view of the key.
   * @throws NodeSilent (LF1238), RegistrationNotFound (LF1236)
   */
  observe(input: ObserveInput): Promise<Observed>;
}

/** An observer for one worker. */
export function createObserver({ client, contracts, chainId, ...whose }: Observing): Observer {
  const worker = getAddress(whose.worker);
  let history: WorkerHistory | undefined;
  let foundSince: bigint | undefined;
  const finished = nothingFinished();

  const historyUpTo = async (to: bigint, known: bigint | null, isRegistered: boolean) => {
    let from = known ?? foundSince;
    if (from === undefined && isRegistered) {
      const found = await findRegistration(client, { contracts, worker }, to);
      if (found === null) throw new RegistrationNotFound(worker);
      from = foundSince = found.number;
    }
    if (from === undefined || from > to) return undefined; // never registered: nobody ever sent it anything
    history = await readHistory(client, { contracts, worker }, { from, to, ...(history ? { known: history } : {}) });
    return history;
  };

  const look = async (input: ObserveInput): Promise<Observed> => {
    const block = await answered(client.getBlock({ blockTag: "latest" }));
    const at = { number: block.number, hash: block.hash, time: blockTime(block.timestamp) };
    const chain = contractReads(client, contracts, at.number);
    const isRegistered = await chain.isRegistered(worker);
    const past = await historyUpTo(at.number, input.since, isRegistered);
    const models = [...new Set([...input.models, ...(past?.models ?? [])])];

    const [rules, registration, latest, pending, balance, gasPrice, earnings] = await Promise.all([
      chain.rules(models),
      isRegistered ? chain.registration(worker, models) : null,
      answered(client.getTransactionCount({ address: worker, blockNumber: at.number })),
      answered(client.getTransactionCount({ address: worker, blockTag: "pending" })),
      answered(client.getBalance({ address: worker, blockNumber: at.number })),
      answered(client.getGasPrice()),
      chain.earnings(worker),
    ]);
    const asking = { chain, worker, at, rules, finished, server: input.server };
    const sessions = await readSessions(past?.sessions ?? [], asking);
    const [jobs, sent] = await Promise.all([
      readJobs(past?.jobs ?? [], sessions, asking),
      refreshSent(nodeOf(client), input.sent, at.number),
    ]);
    return {
      at,
      chainId,
      contracts,
      worker,
      nonce: { latest, pending: Math.max(latest, pending) },
      balance: wei(balance),
      gasPrice,
      rules,
      registration,
      sessions,
      jobs,
      earnings,
      sent,
      server: input.server,
      rehearsed: input.rehearsed,
      leftGeneration: input.leftGeneration,
    };
  };

  return {
    observe: async (input) => {
      for (let attempt = 1; ; attempt++) {
        const observed = await look(input);
        // What was read before a reorganisation does not fit what was read after it.
        const { hash } = await answered(client.getBlock({ blockNumber: observed.at.number }));
        if (hash === observed.at.hash || attempt >= mostLooks) return observed;
      }
    },
  };
}

/** Looks at a chain that reorganises under them, before its word is taken as it is. */
const mostLooks = 3;
