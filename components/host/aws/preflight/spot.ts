/** What a network takes of its minimum stake for a job that is lost, in hundredths of a percent. */
export interface SlashRates {
  /** For one that is not acknowledged in time. */
  readonly ack: bigint;
  /** For one that was, and is not completed in time. */
  readonly completion: bigint;
}

/**
 * LF1831: a machine on spot may be taken back with jobs on it, for which this network slashes. A warning: it may be worth it.
 * @returns `undefined` where the network takes nothing
 */
export function spotWarning({ ack, completion }: SlashRates): string | undefined {
  if (ack === 0n && completion === 0n) return undefined;
  const share = (bps: bigint): string => `${Number(bps) / 100} %`;
  return `LF1831: AWS may take a spot machine back within two minutes; each job lost with it costs ${share(completion)} of the network's minimum stake, or ${share(ack)} if it was not acknowledged yet. Next: host.aws.spot false, unless that is worth the lower price`;
}
