import { gunzipSync } from "node:zlib";

/** What was said as it is, and once more as whoever unpacks it would read it. */
export const opened = (said: readonly string[]): Buffer[] =>
  said.flatMap((text) => [
    Buffer.from(text),
    ...[...text.matchAll(/[A-Za-z0-9+/]{24,}={0,2}/g)].flatMap(([packed]) => {
      try {
        return [gunzipSync(Buffer.from(packed, "base64"))];
      } catch {
        return []; // no more than a long word
      }
    }),
  ]);
