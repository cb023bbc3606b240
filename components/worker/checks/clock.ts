/** Seconds by which clock and chain may differ before it is said: more than a slow block or a second's leap ever makes. */
const tolerated = 120;

/**
 * LF1555: what is said when this machine's date and the chain's newest block differ; `undefined` while they agree. A warning, never an error: no deadline is taken from
 * this machine's date, and on a rehearsal network time is let pass on purpose. But TLS, logs and a person's plans go by it. Pure.
 * @param wallMs this machine's Unix time, ms
 * @param blockSeconds time of the newest block, Unix seconds
 */
export function clockWarning(wallMs: number, blockSeconds: bigint): string | undefined {
  const ahead = Math.round(wallMs / 1_000) - Number(blockSeconds);
  if (Math.abs(ahead) <= tolerated) return undefined;
  const apart = inWords(Math.abs(ahead));
  return ahead > 0
    ? `LF1555: This machine's clock is ${apart} ahead of the chain's newest block: the clock is wrong, or the chain makes no blocks. Next: date -u; timedatectl set-ntp true`
    : `LF1555: This machine's clock is ${apart} behind the chain's newest block. Next: date -u; timedatectl set-ntp true`;
}

function inWords(seconds: number): string {
  if (seconds >= 2 * 86_400) return `${Math.round(seconds / 86_400)} days`;
  if (seconds >= 2 * 3_600) return `${Math.round(seconds / 3_600)} hours`;
  return `${Math.round(seconds / 60)} minutes`;
}
