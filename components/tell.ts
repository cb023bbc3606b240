/**
 * Tells the person who runs Pulumi: the engine shows what a provider writes to its standard error. An orphan, whose engine is gone, tells nobody: unheard, the broken pipe would
 * be an uncaught error, which Pulumi's own handler writes to the same pipe, for ever.
 */
export function tell(lines: readonly string[]): void {
  if (!process.stderr.listeners("error").includes(unheard)) process.stderr.on("error", unheard);
  for (const line of lines) process.stderr.write(`${line}\n`);
}

const unheard = (): void => undefined;
