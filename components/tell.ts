/** Tells the person who runs Pulumi: the engine shows what a provider writes to its standard error. */
export function tell(lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}
