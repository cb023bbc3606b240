import { pino, type DestinationStream, type Logger } from "pino";

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
      serializers: { err: pino.stdSerializers.err },
    },
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  );
}

const secretFields = ["privateKey", "signingKey", "encryptionKey", "sessionKey", "passphrase", "token", "secret"];
