import { parseEther } from "viem";
import { type Address, type ChainSeconds, type Wei, chainSeconds, wei } from "../../schema/units.js";

/** A model of the network: what a job of it costs and how long its answers may be. */
export interface ModelSetting {
  /** The network's exact spelling, tag included. Its id is the hash of this. */
  readonly name: string;
  /** Wei per job. */
  readonly fee: Wei;
  /** Tokens. */
  readonly maxOutputTokens: number;
}

/**
 * How the contracts of a rehearsal network are set up. Rates are bps: out of 10,000. Sources: contracts reference §5.1 for what is published;
 * what is not is chosen here and listed in `devnet/contracts/README.md`.
 */
export interface ContractSettings {
  /** Owner of all five contracts; sends the set-up transactions. */
  readonly owner: Address;
  /** Receives the protocol's share, slashed funds and lost bonds. Default: the owner. */
  readonly treasury: Address;
  /** May pause beside the owner. Default: the owner. */
  readonly guardian: Address;
  /** Signs sessions in dispatcher mode. Default: the owner. */
  readonly dispatcher: Address;
  /** Rules on disputes. Default: the owner. */
  readonly disputer: Address;
  /** Workers claim requests (as on testnet) rather than being named by a dispatcher (as on mainnet). Default: true. */
  readonly sortition: boolean;
  /** Blocks over which a request's eligibility widens to everybody, 1 to 200. Default: 8. */
  readonly claimWindowBlocks: number;
  /** Active jobs at which a worker may not claim, those in their dispute window included; 0 for no limit. Default: 0. */
  readonly maxConcurrentJobs: number;
  /** Default: 5,000 LCAI. */
  readonly minWorkerStake: Wei;
  /** Submission to acknowledgement. Default: 90 s. Keep it above three blocks. */
  readonly ackTimeout: ChainSeconds;
  /** Acknowledgement to completion. Default: 120 s. */
  readonly completionTimeout: ChainSeconds;
  /** Completion to release. Default: 86,400 s. */
  readonly disputeWindow: ChainSeconds;
  /** Dispute to ruling. Default: 43,200 s. */
  readonly resolutionTimeout: ChainSeconds;
  /** How long blobs are kept; at least dispute window and resolution timeout together. Default: 147,456 s. */
  readonly blobRetentionPeriod: ChainSeconds;
  /** Share of the escrowed fee that a dispute costs. Default: 10,000. */
  readonly disputeBondMultiplierBps: number;
  /** An idle session takes no jobs after this; 0 for never. Default: 1,800 s. */
  readonly sessionInactivityTimeout: ChainSeconds;
  /** Workers a session may have after its first. Default: 3. */
  readonly maxReassignments: number;
  /** Shares of the minimum stake. Default: 200, 500, 1,500. */
  readonly slashBps: { readonly ack: number; readonly completion: number; readonly dispute: number };
  /** Offences at which a worker is suspended. Default: 3. */
  readonly suspensionThreshold: number;
  /** Default: 604,800 s. */
  readonly suspensionCooldown: ChainSeconds;
  /** How a fee is split; 10,000 in all. Default: 8,000, 1,500, 500. */
  readonly feeBps: { readonly worker: number; readonly protocol: number; readonly feePool: number };
  /** What a keeper earns: share of a slash, share of the worker's part of a fee. Default: 1,000, 0. */
  readonly bountyBps: { readonly timeout: number; readonly release: number };
  /** Registered and whitelisted. Default: none. */
  readonly models: readonly ModelSetting[];
  /** Names, in the order of their bits. Default: `self-contained`. */
  readonly capabilities: readonly string[];
}

/** Only the owner has no default. */
export type ContractSettingsInput = Partial<ContractSettings> & Pick<ContractSettings, "owner">;

/** Fills in the defaults named at {@link ContractSettings}. */
export function contractSettings(input: ContractSettingsInput): ContractSettings {
  return {
    treasury: input.owner,
    guardian: input.owner,
    dispatcher: input.owner,
    disputer: input.owner,
    sortition: true,
    claimWindowBlocks: 8,
    maxConcurrentJobs: 0,
    minWorkerStake: wei(parseEther("5000")),
    ackTimeout: chainSeconds(90n),
    completionTimeout: chainSeconds(120n),
    disputeWindow: chainSeconds(86_400n),
    resolutionTimeout: chainSeconds(43_200n),
    blobRetentionPeriod: chainSeconds(147_456n),
    disputeBondMultiplierBps: 10_000,
    sessionInactivityTimeout: chainSeconds(1_800n),
    maxReassignments: 3,
    slashBps: { ack: 200, completion: 500, dispute: 1_500 },
    suspensionThreshold: 3,
    suspensionCooldown: chainSeconds(604_800n),
    feeBps: { worker: 8_000, protocol: 1_500, feePool: 500 },
    bountyBps: { timeout: 1_000, release: 0 },
    models: [],
    capabilities: ["self-contained"],
    ...input,
  };
}
