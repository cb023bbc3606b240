import type { Logger } from "./log.js";

/**
 * What an exit code says to a supervisor: 0 was asked to stop, 75 try again later (sysexits `EX_TEMPFAIL`), 78 misconfigured, do not restart
 * (`EX_CONFIG`), 1 crashed.
 */
export type ExitCode = 0 | 1 | 75 | 78;

/** The process's one way out. */
export interface Exit {
  /** Aborts when the process was asked to stop. */
  readonly asked: AbortSignal;
  /** Ends the process: closes what was registered, then exits. Only the first call counts. */
  leave(code: ExitCode): Promise<void>;
  /** Registers what has to be closed first; closed in reverse order. */
  onLeave(close: () => Promise<void> | void): void;
}

/**
 * Takes over the ends of this process: SIGTERM and SIGINT ask it to stop (`asked`), a second one ends it at once; an exception or rejection that
 * nobody caught is logged and exits 1. Nothing else in the process calls `process.exit` or handles these.
 *
 * @param closeMs longest that closing may take, in ms, before the process ends anyway
 */
export function ownExit(log: Logger, closeMs: number): Exit {
  const asking = new AbortController();
  const closers: (() => Promise<void> | void)[] = [];
  let leaving: Promise<void> | undefined;

  const closeAll = async (): Promise<void> => {
    for (const close of closers.reverse()) {
      try {
        await close();
      } catch (error) {
        log.error({ err: error }, "closing failed");
      }
    }
  };
  const leave = (code: ExitCode): Promise<void> =>
    (leaving ??= (async () => {
      const overdue = setTimeout(() => {
        log.error("closing took too long");
        process.exit(code === 0 ? 1 : code);
      }, closeMs);
      await closeAll();
      clearTimeout(overdue);
      process.exit(code);
    })());

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      log.info({ signal }, asking.signal.aborted ? "asked again to stop: ending now" : "asked to stop");
      if (asking.signal.aborted) void leave(0);
      asking.abort();
    });
  }
  const crash = (error: unknown): void => {
    log.fatal({ err: error }, "crashed");
    void leave(1);
  };
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);

  return { asked: asking.signal, leave, onLeave: (close) => void closers.push(close) };
}
