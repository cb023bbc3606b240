/** What a {@link FleetError} carries beside its message. */
export interface FleetErrorDetail {
  /** The exact next command or action. */
  readonly fix: string;
  /** What the error was made from; never shown unless asked for. */
  readonly cause?: unknown;
}

/**
 * The only error that reaches a person without a stack: a stable code (`LF1xxx`), one sentence on what happened to which thing, and the next
 * command. Every code has an entry in `docs/errors.md`. Anything else that is thrown is a bug and keeps its stack.
 */
export class FleetError extends Error {
  readonly fix: string;
  constructor(
    readonly code: `LF1${string}`,
    readonly summary: string,
    detail: FleetErrorDetail,
  ) {
    super(`${code}: ${summary} Next: ${detail.fix}`, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = new.target.name;
    this.fix = detail.fix;
  }
}

/** Trouble that another part has found and put into words: a rule of the lifecycle, a sidecar, a host. It keeps its code. */
export class PassedOn extends FleetError {
  constructor({ code, summary, fix }: { readonly code: string; readonly summary: string; readonly fix: string }) {
    super(code as `LF1${string}`, summary, { fix });
  }
}

/** The one line a person reads: the coded message of a {@link FleetError}, or the plain message of anything else. */
export function describeError(error: unknown): string {
  if (error instanceof Error) return error.message;
  return String(error);
}

/** For the default branch of an exhaustive switch: compiles only when every case is handled. */
export function impossible(value: never): never {
  throw new Error(`unhandled case: ${JSON.stringify(value)}`);
}
