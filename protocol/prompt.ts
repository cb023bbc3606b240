import { decodeGoJson, goBoolean, goInteger, goSlice, goString, goStruct } from "./go-json.js";
import { goText, utf8 } from "./go-text.js";

/** One turn of a conversation. Images are base64 without a data-URL prefix. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly images?: readonly string[];
}

/** What a consumer asks to be done with sound. All empty in a prompt without it. */
export interface Voice {
  /** Base64 clip of a spoken prompt; empty when there is none. */
  readonly audio: string;
  /** Container of the clip; empty means `wav`. */
  readonly audioFormat: string;
  /** Whether the consumer wants speech output. */
  readonly audioResponse: boolean;
  /** Voice for it; empty means the worker's own choice. */
  readonly voice: string;
}

/** A prompt that joins its session's history. */
export interface TextPrompt {
  readonly kind: "text";
  readonly text: string;
  readonly images: readonly string[];
  readonly voice: Voice;
  /** Whether the consumer asked for a web search. */
  readonly search: boolean;
}
/** A self-contained prompt: exactly these messages, no history. */
export interface ConversationPrompt {
  readonly kind: "conversation";
  readonly messages: readonly ChatMessage[];
  readonly search: boolean;
}
/** Why a prompt must not be served. */
export type PromptRefusal =
  | "search wrapper is not JSON"
  | "too many images"
  | "audio too large"
  | "self-contained prompt with images or audio"
  | "self-contained prompt with text"
  | "self-contained prompt without messages"
  | "last message is not the user's"
  | "unknown role";
/** A prompt that must be refused rather than served in part: the consumer would get the answer to another question. */
export interface RefusedPrompt {
  readonly kind: "refused";
  readonly reason: PromptRefusal;
  /** The reference worker's class: whether trying again is pointless (`false`) or was left open (`true`). */
  readonly retry: boolean;
}
/** A decrypted prompt, understood. */
export type Prompt = TextPrompt | ConversationPrompt | RefusedPrompt;

/** Most images in one prompt. */
export const maxPromptImages = 8;
/** Longest spoken prompt, in base64 characters. */
export const maxPromptAudioCharacters = 131_072;

const searchMark = 0x00;
const selfContainedVersion = 3;
const roles: readonly string[] = ["system", "user", "assistant"];

const searchWrapper = goStruct({ v: goInteger, prompt: goString, search: goBoolean });
const message = goStruct({ role: goString, content: goString });
const envelope = goStruct({
  v: goInteger,
  text: goString,
  images: goSlice(goString),
  audio: goString,
  audioFormat: goString,
  audioResponse: goBoolean,
  voice: goString,
  messages: goSlice(message),
});
type Envelope = ReturnType<typeof envelope.zero>;

/** Decodes a decrypted prompt: search wrapper, then envelope, else plain text. Source: sidecar reference §3.1, §3.2 (newest rules). */
export function decodePrompt(plaintext: Uint8Array): Prompt {
  const unwrapped = unwrapSearch(plaintext);
  if (unwrapped === undefined) return { kind: "refused", reason: "search wrapper is not JSON", retry: true };
  const { text, search } = unwrapped;
  const read = decodeGoJson(envelope, text);
  // Not an envelope is plain text, on purpose: people send JSON documents as prompts.
  if (read === undefined || read.v < 1) return { kind: "text", text, images: [], voice: noVoice, search };
  if (read.messages.length > 0 || read.v === selfContainedVersion) return selfContained(read, search);
  if (read.images.length > maxPromptImages) return { kind: "refused", reason: "too many images", retry: true };
  if (Buffer.byteLength(read.audio) > maxPromptAudioCharacters)
    return { kind: "refused", reason: "audio too large", retry: true };
  const { audio, audioFormat, audioResponse, voice } = read;
  return {
    kind: "text",
    text: read.text,
    images: read.images,
    voice: { audio, audioFormat, audioResponse, voice },
    search,
  };
}

/** A prompt without any sound. */
export const noVoice: Voice = { audio: "", audioFormat: "", audioResponse: false, voice: "" };

/** Takes the search wrapper off; without one, everything is text and search is off. `undefined`: there is a wrapper, but not a readable one. */
function unwrapSearch(plaintext: Uint8Array): { text: string; search: boolean } | undefined {
  if (plaintext[0] !== searchMark) return { text: goText(plaintext), search: false };
  const read = decodeGoJson(searchWrapper, goText(plaintext.subarray(1)));
  return read === undefined ? undefined : { text: read.prompt, search: read.search };
}

/** The messages decide, whatever the version says; version 3 must have them. */
function selfContained(read: Envelope, search: boolean): ConversationPrompt | RefusedPrompt {
  const refuse = (reason: PromptRefusal): RefusedPrompt => ({ kind: "refused", reason, retry: false });
  if (read.images.length > 0 || read.audio !== "") return refuse("self-contained prompt with images or audio");
  if (read.text !== "") return refuse("self-contained prompt with text");
  if (read.messages.length === 0) return refuse("self-contained prompt without messages");
  if (read.messages.at(-1)?.role !== "user") return refuse("last message is not the user's");
  if (read.messages.some(({ role }) => !roles.includes(role))) return refuse("unknown role");
  return { kind: "conversation", messages: read.messages, search };
}

/**
 * Encodes a prompt for a worker, as plain as it can be: raw text, or an envelope where there are images, or where the raw text would be taken for
 * something else.
 * @throws RangeError with more than {@link maxPromptImages} images
 */
export function encodeTextPrompt(text: string, images: readonly string[] = []): Uint8Array {
  if (images.length > maxPromptImages) throw new RangeError(`at most ${maxPromptImages} images fit into one prompt`);
  const raw = utf8(text);
  if (images.length === 0 && isPlainText(raw)) return raw;
  return utf8(JSON.stringify({ v: 1, text, ...(images.length > 0 && { images }) }));
}

function isPlainText(raw: Uint8Array): boolean {
  if (raw[0] === searchMark) return false;
  const read = decodeGoJson(envelope, goText(raw));
  return read === undefined || read.v < 1;
}

/** One turn of a self-contained prompt. */
export interface ConversationMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/**
 * Encodes a self-contained prompt.
 * @throws RangeError when the last message is not the user's
 */
export function encodeConversation(messages: readonly ConversationMessage[]): Uint8Array {
  if (messages.at(-1)?.role !== "user") throw new RangeError("the last message of a conversation is the user's");
  const turns = messages.map(({ role, content }) => ({ role, content }));
  return utf8(JSON.stringify({ v: selfContainedVersion, text: "", messages: turns }));
}

/** Wraps a prompt's text so that the worker searches the web first. */
export function encodeSearchPrompt(prompt: string): Uint8Array {
  const body = utf8(JSON.stringify({ v: 1, prompt, search: true }));
  const wrapped = new Uint8Array(1 + body.length);
  wrapped[0] = searchMark;
  wrapped.set(body, 1);
  return wrapped;
}
