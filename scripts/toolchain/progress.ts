/** What a person reads while a tool is being had. */
export interface Doing {
  /** Tool and version, for instance `geth 1.17.0`. */
  readonly what: string;
  /** What it is for. */
  readonly why: string;
  /** What is happening and about how long it takes. */
  readonly how: string;
}

/** One step that is shown while it runs. */
export interface Step {
  /** Says what is happening now, for instance `downloading, 40 %`. */
  now(how: string): void;
  done(how: string): void;
  failed(): void;
}

/** Shows steps and single remarks. */
export interface Progress {
  start(doing: Doing): Step;
  /** A remark that a person should see, for instance that the slower way is taken. */
  warn(text: string): void;
}

/** The part of a terminal or file that progress is written to. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const frames = ["◐", "◓", "◑", "◒"] as const;
const clearLine = "\r\u001b[K";
/** How often a step that is still going says so where lines cannot be rewritten. */
const heartbeatMs = 30_000;

/**
 * On a terminal one line that turns and counts; elsewhere a line when a step starts, one each 30 s and one when it ends. Written to
 * stderr by default, so that the output of the command that follows stays its own.
 */
export function showProgress(output: Output = process.stderr, now: () => number = Date.now): Progress {
  const terminal = output.isTTY === true;
  return {
    start: (doing) => {
      const started = now();
      let current = doing;
      let tick = 0;
      const draw = (): void => {
        const frame = terminal ? frames[tick++ % frames.length] : frames[0];
        const line = renderLine(frame ?? frames[0], current, now() - started);
        output.write(terminal ? `${clearLine}${line.slice(0, (output.columns ?? 100) - 1)}` : `${line}\n`);
      };
      draw();
      const timer = setInterval(draw, terminal ? 250 : heartbeatMs);
      const end = (line: string): void => {
        clearInterval(timer);
        output.write(`${terminal ? clearLine : ""}${line}\n`);
      };
      return {
        now: (how) => {
          const isNews = withoutNumbers(how) !== withoutNumbers(current.how);
          current = { ...current, how };
          if (isNews && !terminal) draw();
        },
        done: (how) => end(`✓ ${doing.what}  ${how} ${duration(now() - started)}`),
        failed: () => end(`✗ ${doing.what}  after ${duration(now() - started)}`),
      };
    },
    warn: (text) => void output.write(`! ${text}\n`),
  };
}

/** Percentages move all the time: in a log only a change of what is being done is news. */
const withoutNumbers = (text: string): string => text.replace(/\d+/g, "");

/** One line of a running step: `◐ geth 1.17.0  the rehearsal network's chain  building from source, about 2 min … 1m52s`. */
export function renderLine(frame: string, doing: Doing, elapsedMs: number): string {
  return `${frame} ${doing.what}  ${doing.why}  ${doing.how} … ${duration(elapsedMs)}`;
}

/** Elapsed time for people: `8s`, `1m52s`, `1h03m`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${two(seconds % 60)}s`;
  return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
}

const two = (value: number): string => String(value).padStart(2, "0");

/** Shows nothing, for tests and for quiet callers. */
export const silent: Progress = {
  start: () => ({ now: () => undefined, done: () => undefined, failed: () => undefined }),
  warn: () => undefined,
};
