import { multistream, pino, type DestinationStream, type Logger } from "pino";

export type { Logger } from "pino";

/**
 * A structured JSON logger on stderr. Fields that could carry a secret by mistake are censored by name; code must not put one there
 * in the first place.
 * @param part which program or part speaks, for instance `sidecar`
 */
export function createLogger(part: string, options: { level?: string; destination?: DestinationStream } = {}): Logger {
  return pino(
    {
      base: { part },
      level: options.level ?? "info",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretFields.flatMap((field) => [field, `*.${field}`]), censor: "[secret]" },
      serializers: { err: told },
    },
    options.destination ?? lasting(2),
  );
}

/** What a log has of an error. Libraries hang whatever they were called with on theirs: that is left out, as it is long and might be secret. */
function told(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack } = pino.stdSerializers.err(error);
  return { type, message, stack, ...("code" in error && { code: error.code }) };
}

/** Most that is kept for a log that cannot be written now (characters); what comes on top is lost. */
const keptCharacters = 1_000_000;

/**
 * A log that is written at once, and outlives a full disk: what cannot be written is kept and written with a later line. Without this a log line would end the
 * program that wrote it, in the middle of whatever it did.
 * @param fd an open file or pipe
 */
export function lasting(fd: number): DestinationStream {
  const destination = pino.destination({ dest: fd, sync: true, maxLength: keptCharacters });
  destination.on("error", () => undefined); // there is nowhere to say it
  return destination;
}

/** A log's lines in several places: each gets what is as grave as it asks for. One that takes a line must not throw. */
export interface Branching {
  /** For {@link createLogger}. */
  readonly destination: DestinationStream;
  /** From now on a line of `level` or above goes there too. */
  also(level: "info", branch: DestinationStream): void;
}

/** Standard error, and whatever is added to it later. */
export function branching(): Branching {
  const streams = multistream([{ level: "trace", stream: lasting(2) }]);
  return { destination: streams, also: (level, stream) => void streams.add({ level, stream }) };
}

const secretFields = ["privateKey", "signingKey", "encryptionKey", "sessionKey", "passphrase", "token", "secret"];
