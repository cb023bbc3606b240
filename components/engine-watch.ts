import { connect } from "node:net";
import { systemClock, type Clock } from "../system/clock.js";

let running = 0;

/** Counts a call of the engine as in flight until it has ended. */
export async function inFlight<T>(work: () => Promise<T>): Promise<T> {
  running += 1;
  try {
    return await work();
  } finally {
    running -= 1;
  }
}

/** What an orphan is told by. */
export interface EngineWatch {
  /** Where the engine listens, `host:port`. */
  readonly engine: string;
  readonly clock?: Clock;
  /** Default: whether something accepts a connection there. */
  readonly isThere?: (engine: string) => Promise<boolean>;
  /** Default: ends this process. */
  readonly end?: () => void;
}

/** How often the engine is looked for (ms). */
const everyMs = 1_000;

/**
 * Ends this provider process once its engine is gone and nothing is in flight. An engine that is killed tells nobody: its provider would finish what it does,
 * as it should, and then stay for ever.
 */
export async function watchEngine({ engine, clock = systemClock, isThere = accepts, end }: EngineWatch): Promise<void> {
  let missed = 0;
  while (missed < 2 || running > 0) {
    await clock.sleep(everyMs);
    missed = (await isThere(engine)) ? 0 : missed + 1;
  }
  (end ?? (() => process.exit(0)))();
}

function accepts(engine: string): Promise<boolean> {
  const [host = "", port = ""] = engine.split(":");
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), timeout: 5_000 });
    const answer = (is: boolean) => () => {
      socket.destroy();
      resolve(is);
    };
    socket.once("connect", answer(true)).once("timeout", answer(true)).once("error", answer(false));
  });
}

/** The engine's address, when this process is one of its dynamic providers: `node …/dynamic-provider/index.js HOST:PORT`. */
export const engineOf = ([, program = "", engine]: readonly string[]): string | undefined =>
  program.includes("dynamic-provider") && engine !== undefined && /^[\w.-]+:\d+$/.test(engine) ? engine : undefined;
