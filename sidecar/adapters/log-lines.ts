/*
 * Log lines on their way to CloudWatch, in a memory that is bounded: what cannot be sent is kept for a while, then the oldest goes first and is counted. The limits are those of
 * PutLogEvents (CloudWatch Logs API reference).
 */

/** A line, and when it was written (Unix ms). */
export interface LogLine {
  readonly message: string;
  readonly timestamp: number;
}

/** Most that goes in one call. */
export const most = { bytes: 1_048_576, lines: 10_000, spanMs: 86_400_000 } as const;
/** What each line counts beside its text. */
const lineBytes = 26;
/** Longest line: of a longer one only the beginning is sent. */
const longestBytes = 65_536;
/** What is kept while nothing can be sent. */
const keptBytes = 4 * most.bytes;

/** Lines that wait. */
export interface LogLines {
  add(text: string, timestamp: number): void;
  /** Takes out the oldest lines that go in one call, in the order of their time; none when there are none. */
  take(): readonly LogLine[];
  /** Puts lines back that did not arrive: they are the oldest again. */
  putBack(lines: readonly LogLine[]): void;
  /** How many were dropped since this was last asked. */
  dropped(): number;
}

/** None yet. @param kept most that is kept (bytes) */
export function createLogLines(kept: number = keptBytes): LogLines {
  const waiting: LogLine[] = [];
  let bytes = 0;
  let lost = 0;
  const make = (more: readonly LogLine[], at: "front" | "end"): void => {
    if (at === "end") waiting.push(...more);
    else waiting.unshift(...more);
    for (const line of more) bytes += sizeOf(line);
    let surplus = 0;
    for (; bytes > kept && surplus < waiting.length; surplus += 1) bytes -= sizeOf(waiting[surplus]);
    waiting.splice(0, surplus);
    lost += surplus;
  };
  return {
    add: (text, timestamp) => {
      const message = beginningOf(text.trimEnd());
      if (message !== "") make([{ message, timestamp }], "end"); // an empty one is refused, with all that come with it
    },
    take: () => {
      const taken: LogLine[] = [];
      let size = 0;
      let [first, last] = [Infinity, -Infinity];
      for (const line of waiting) {
        [first, last] = [Math.min(first, line.timestamp), Math.max(last, line.timestamp)];
        size += sizeOf(line);
        if (taken.length === most.lines || size > most.bytes || last - first >= most.spanMs) break;
        taken.push(line);
        bytes -= sizeOf(line);
      }
      waiting.splice(0, taken.length);
      return taken.sort((one, other) => one.timestamp - other.timestamp);
    },
    putBack: (lines) => make(lines, "front"),
    dropped: () => {
      const were = lost;
      lost = 0;
      return were;
    },
  };
}

const sizeOf = (line: LogLine | undefined): number =>
  line === undefined ? 0 : Buffer.byteLength(line.message) + lineBytes;

/** A text's beginning that is short enough, up to the end of a character. */
function beginningOf(text: string): string {
  if (Buffer.byteLength(text) <= longestBytes) return text;
  return Buffer.from(text)
    .subarray(0, longestBytes)
    .toString()
    .replace(/\uFFFD+$/, "");
}
