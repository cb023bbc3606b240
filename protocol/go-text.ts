const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const replacement = "\ufffd";

/**
 * Bytes as text the way Go reads them: UTF-8, a byte order mark kept, and *each* invalid byte one U+FFFD (the web's decoders put one for a whole
 * broken sequence). Worker and disputer must give the model the same characters, so this is part of the protocol.
 */
export function goText(bytes: Uint8Array): string {
  let text = "";
  let valid = 0;
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    if (length > 0) {
      at += length;
      continue;
    }
    text += decoder.decode(bytes.subarray(valid, at)) + replacement;
    valid = ++at;
  }
  return text + decoder.decode(bytes.subarray(valid));
}

/** Text as UTF-8 bytes; half surrogate pairs become U+FFFD. */
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Bytes of the UTF-8 character that begins at `at`; 0 when none does (Unicode table 3-7: no overlong forms, no surrogates). */
function sequenceLength(bytes: Uint8Array, at: number): 0 | 1 | 2 | 3 | 4 {
  const first = bytes[at] ?? 0xff;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const second = bytes[at + 1] ?? 0;
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  if (first < 0xe0) return 2;
  if (!isContinuation(bytes[at + 2])) return 0;
  if (first < 0xf0) return 3;
  return isContinuation(bytes[at + 3]) ? 4 : 0;
}

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;
