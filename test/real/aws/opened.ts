import { gunzipSync } from "node:zlib";

/** What was said to a machine, or by one. */
export interface Said {
  readonly what: "user data" | "command" | "output";
  readonly text: string;
}

/** How often something may be packed into something else. */
const deepest = 3;
/** What is longer is no text that somebody packed something into (bytes). */
const longestText = 4 * 1024 * 1024;

/** A content as it is, and once more for everything in it that whoever unpacks it would read: what is compressed, and what is written as base64, as deep as that goes. */
export function unpacked(content: Buffer, depth = deepest): Buffer[] {
  const plain = gunzipped(content);
  const all = plain === undefined ? [content] : [content, plain];
  const text = plain ?? content;
  if (depth === 0 || text.length > longestText) return all;
  const words = text.toString("latin1").matchAll(/[A-Za-z0-9+/]{24,}={0,2}/g);
  return [...all, ...[...words].flatMap(([word]) => unpacked(Buffer.from(word, "base64"), depth - 1))];
}

function gunzipped(content: Buffer): Buffer | undefined {
  if (content[0] !== 0x1f || content[1] !== 0x8b) return undefined;
  try {
    return gunzipSync(content);
  } catch {
    return undefined; // it only begins like that
  }
}

/** What was said as it is, and once more as whoever unpacks it would read it. */
export const opened = (said: readonly Said[]): Buffer[] => said.flatMap(({ text }) => unpacked(Buffer.from(text)));
