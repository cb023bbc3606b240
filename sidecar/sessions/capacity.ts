/** What decides how many more sessions may be claimed. */
export interface Load {
  /** Jobs worked on at once. */
  readonly slots: number;
  /** Time a job has from its acknowledgement until its answer must be there, ms. */
  readonly budgetMs: number;
  /** Estimated time of the longest answer, ms; `null` when it was never measured. */
  readonly answerMs: number | null;
  /** Sessions that can still bring a job; each may bring one at any moment. */
  readonly openSessions: number;
  /** Claims that are on their way, or won and not yet a session. */
  readonly pendingClaims: number;
  /** The network's own limit; 0 or `null`: none known. */
  readonly networkLimit: bigint | null;
  /** wei. */
  readonly balance: bigint;
  /** Worst case of one job's gas, wei. */
  readonly jobCost: bigint;
}

/**
 * How many further sessions may be claimed, so that all open ones could bring a job in the same moment and every one of them would be answered in time: after
 * a claim it is too late to refuse.
 */
export function claimRoom(load: Load): number {
  const rounds =
    load.answerMs === null || load.answerMs <= 0 ? 1 : Math.max(1, Math.floor(load.budgetMs / load.answerMs));
  const inTime = load.slots * Math.min(rounds, mostRounds);
  const allowed =
    load.networkLimit === null || load.networkLimit === 0n ? inTime : Math.min(inTime, Number(load.networkLimit));
  const payable = load.jobCost === 0n ? allowed : Number(load.balance / load.jobCost);
  const demanded = load.openSessions + load.pendingClaims;
  return Math.max(0, Math.min(allowed, payable) - demanded);
}

/** An estimate from a short answer is not stretched further than this: a queue this long is a risk by itself. */
const mostRounds = 8;

/** Gas of a job's three transactions with head-room (contracts reference §6.1), and of its blob. */
const plainGas = 600_000n;
const blobGas = 131_072n;

/** Worst case of one job's gas, in wei. */
export const worstJobCost = (gasPrice: bigint, multiplierBps: number, maxBlobGasPriceWei: bigint): bigint =>
  (plainGas * gasPrice * BigInt(multiplierBps)) / 10_000n + blobGas * maxBlobGasPriceWei;
