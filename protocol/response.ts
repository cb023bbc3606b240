import { decodeGoJson, goInteger, goSlice, goString, goStruct } from "./go-json.js";
import { goText, utf8 } from "./go-text.js";

/** A web page an answer rests on; positions count from 1. */
export interface SearchSource {
  readonly position: number;
  readonly title: string;
  readonly url: string;
  readonly snippet: string;
}

/** An answer as settled. `sources` is empty unless the job searched the web. */
export interface Answer {
  readonly text: string;
  readonly sources: readonly SearchSource[];
}

const searchEnvelopeVersion = 2;
const source = goStruct({ position: goInteger, title: goString, url: goString, snippet: goString });
const searchEnvelope = goStruct({ v: goInteger, answer: goString, searchContext: goSlice(source) });

/** The plaintext of an answer: its raw UTF-8 bytes, or an envelope where there are sources. Source: sidecar reference §3.7. */
export function encodeAnswer({ text, sources }: Answer): Uint8Array {
  if (sources.length === 0) return utf8(text);
  return utf8(
    JSON.stringify({ v: searchEnvelopeVersion, answer: text, searchContext: sources.map(inOrder), templateVersion: 1 }),
  );
}

/** Reads an answer's plaintext. Whatever is not a search envelope is a raw answer. */
export function decodeAnswer(plaintext: Uint8Array): Answer {
  const text = goText(plaintext);
  const read = decodeGoJson(searchEnvelope, text);
  if (read?.v !== searchEnvelopeVersion) return { text, sources: [] };
  return { text: read.answer, sources: read.searchContext };
}

/** The plaintext of a metadata frame: the sources of an answer. */
export function encodeSourcesMetadata(sources: readonly SearchSource[]): Uint8Array {
  return utf8(JSON.stringify({ type: "webSearchSources", sources: sources.map(inOrder) }));
}

const inOrder = ({ position, title, url, snippet }: SearchSource): SearchSource => ({ position, title, url, snippet });
