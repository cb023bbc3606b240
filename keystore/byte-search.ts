/**
 * Finds many long byte strings in one pass that looks at little of a content: a string of n bytes holds all eight that begin at one of the places that are n - 7 bytes apart. Only
 * those are looked at, and a string is compared only where they could be of it.
 */

/** A byte string to look for. */
export interface Pattern {
  readonly bytes: Uint8Array;
  /** Whether it is found in any case. Its own ASCII letters are small then. */
  readonly anyCase: boolean;
}

/** How many bytes are looked at in a place. */
const sampleBytes = 8;
/** What is shorter is compared at every place: it would bring the places close together for all others. */
const shortBytes = 16;
/** Makes capitals small, and some other bytes equal, which is seen once the whole is compared. */
const fold = 0x20202020;
/** Few places look like a pattern's by chance, and the table stays in the processor's cache. */
const hashBits = 14;

/** @returns what finds each pattern's first place in a content, in the patterns' order; -1 for one that is not there */
export function searchFor(patterns: readonly Pattern[]): (content: Uint8Array) => number[] {
  const isLong = ({ bytes }: Pattern): boolean => bytes.length >= shortBytes;
  const step = Math.min(...patterns.filter(isLong).map(({ bytes }) => bytes.length)) - sampleBytes + 1;
  const samples = samplesOf(patterns, (pattern) => (isLong(pattern) ? step : 0));
  return (content) => {
    const found = patterns.map((pattern) => (isLong(pattern) ? -1 : plainPlace(content, pattern)));
    const view = viewOf(content);
    for (let at = 0; at + sampleBytes <= content.length; at += step) {
      for (let one = samples[hashAt(view, at)]; one !== undefined; one = one.next)
        if (found[one.index] === -1 && isAt(content, at - one.into, one.pattern)) found[one.index] = at - one.into;
    }
    return found;
  };
}

/** Eight bytes of a pattern, and the next ones with the same hash. */
interface Sample {
  readonly pattern: Pattern;
  readonly index: number;
  /** How far from the pattern's first byte they begin. */
  readonly into: number;
  readonly next: Sample | undefined;
}

/** By hash, the first so many samples of each pattern; of one pattern's the last first, since it is of the earliest place. */
function samplesOf(patterns: readonly Pattern[], count: (pattern: Pattern) => number): (Sample | undefined)[] {
  const samples = new Array<Sample | undefined>(1 << hashBits).fill(undefined);
  for (const [index, pattern] of patterns.entries()) {
    const view = viewOf(pattern.bytes);
    for (let into = 0; into < count(pattern); into++) {
      const hash = hashAt(view, into);
      samples[hash] = { pattern, index, into, next: samples[hash] };
    }
  }
  return samples;
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

function hashAt(view: DataView, at: number): number {
  const first = Math.imul(view.getUint32(at, true) | fold, 0x9e3779b1);
  const second = Math.imul(view.getUint32(at + 4, true) | fold, 0x85ebca6b);
  return Math.imul(first ^ (second >>> 15) ^ second, 0xc2b2ae35) >>> (32 - hashBits);
}

function plainPlace(content: Uint8Array, pattern: Pattern): number {
  for (let place = 0; place < content.length; place++) if (isAt(content, place, pattern)) return place;
  return -1;
}

function isAt(content: Uint8Array, place: number, { bytes, anyCase }: Pattern): boolean {
  if (place < 0 || place + bytes.length > content.length) return false;
  for (let index = 0; index < bytes.length; index++) {
    const byte = content[place + index] ?? 0;
    const isCapital = byte >= 0x41 && byte <= 0x5a;
    if ((anyCase && isCapital ? byte + 0x20 : byte) !== bytes[index]) return false;
  }
  return true;
}
