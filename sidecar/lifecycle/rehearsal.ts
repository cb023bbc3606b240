import { keccak256, stringToBytes } from "viem";
import { blobCapacityBytes } from "../../protocol/blob.js";
import { envelopeOverheadBytes } from "../../protocol/envelope.js";
import { utf8 } from "../../protocol/go-text.js";
import { noVoice } from "../../protocol/prompt.js";
import { describeError, FleetError } from "../../schema/errors.js";
import { toJson } from "../../schema/json.js";
import type { Settings } from "../../schema/settings.js";
import type { PurposeId } from "../../lifecycle/types.js";
import { modelId, type ChainSeconds, type ModelId, type ModelName } from "../../schema/units.js";
import { configuredModels, type Identity, type Parts } from "../parts.js";
import { purposesOf } from "../purposes.js";
import { ModelSilent, RehearsalFailed } from "./troubles.js";

/** Longest that a blob of ours may take to show up at the beacon node, in ms. */
const readBackMs = 120_000;

/** A blob of ours that was mined this many blocks ago is not looked for any more. */
const freshBlocks = 256n;

/** What a rehearsal found out. */
export interface Rehearsal {
  /** Stands for the host as it was rehearsed; another value asks for another rehearsal. */
  readonly fingerprint: string;
  /** Every one of them answered. */
  readonly models: readonly ModelId[];
  /** Estimated time of the longest answer of the slowest model, in ms. */
  readonly answerMs: number;
}

/** What a rehearsal holds for, its models apart: the host, and everything that decides how long an answer takes. */
export function rehearsalFingerprint(settings: Settings, identity: Pick<Identity, "host">): string {
  const { ollamaUrl, numContext, numPredict, think } = settings.inference;
  return keccak256(stringToBytes(toJson({ host: identity.host, ollamaUrl, numContext, numPredict, think })));
}

/** Whether a rehearsal still stands: for this host, and for these models. One more model asks for another; one less does not. */
export const covers = (rehearsal: Rehearsal | undefined, fingerprint: string, models: readonly ModelId[]): boolean =>
  rehearsal?.fingerprint === fingerprint && models.every((model) => rehearsal.models.includes(model));

/** A rehearsal as the journal keeps it, in one line. */
export const rehearsalLine = ({ fingerprint, answerMs, models }: Rehearsal): string =>
  [fingerprint, Math.ceil(answerMs), ...models].join(" ");
/** @returns `undefined` when the line is none */
export function parseRehearsal(line: string | undefined): Rehearsal | undefined {
  const [fingerprint, answerMs, ...models] = line?.split(" ") ?? [];
  if (fingerprint === undefined || answerMs === undefined) return undefined;
  return { fingerprint, answerMs: Number(answerMs), models: models.map(modelId) };
}

/**
 * Proves on the real host, before any stake is at risk, that a job could be served: every model answers the longest prompt there can be within the time the
 * contract gives, and a blob of ours can be written and read back.
 * @throws RehearsalFailed LF1460
 */
export async function rehearse(
  parts: Parts,
  rules: { readonly generation: number; readonly completionTimeout: ChainSeconds },
  signal: AbortSignal,
): Promise<Rehearsal> {
  const budgetMs = Number(rules.completionTimeout) * 1_000 - parts.settings.jobs.settleReserveMs;
  let answerMs = 0;
  for (const model of parts.settings.models)
    answerMs = Math.max(answerMs, await askModel(parts, model, budgetMs, signal));
  await writeAndReadBack(parts, rules.generation, signal);
  const models = [...configuredModels(parts.settings).keys()];
  return { fingerprint: rehearsalFingerprint(parts.settings, parts.identity), answerMs, models };
}

/** @returns estimated time of the longest answer, in ms */
async function askModel(parts: Parts, model: ModelName, budgetMs: number, signal: AbortSignal): Promise<number> {
  const { ports, settings, clock, log } = parts;
  const overdue = new AbortController();
  const over = new AbortController();
  void clock.sleep(budgetMs, AbortSignal.any([over.signal, signal])).then(() => overdue.abort(new Error("too slow")));
  const startedMs = clock.now();
  let firstMs: number | undefined;
  let deltas = 0;
  const prompt = { kind: "text" as const, text: longestPrompt(), images: [], voice: noVoice, search: false };
  try {
    const wanted = AbortSignal.any([signal, overdue.signal]);
    const answer = ports.inference.answer({ prompt, history: [] }, model, wanted, settings.services.rehearsalTokens);
    // To its end: who goes away in the middle of an answer may leave Ollama without a place for the first job.
    for await (const delta of answer) {
      firstMs ??= clock.now() - startedMs;
      if (delta.kind !== "done") deltas++;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (overdue.signal.aborted)
      throw new ModelSilent(model, `did not answer a longest prompt within ${Math.round(budgetMs / 1_000)} s`, error);
    throw new ModelSilent(model, `did not answer: ${said(error)}`, error);
  } finally {
    over.abort();
  }
  const tookMs = clock.now() - startedMs;
  const first = firstMs ?? tookMs;
  const eachMs = deltas > 1 ? (tookMs - first) / (deltas - 1) : 0;
  log.info({ model, firstMs: first, deltas, tookMs }, "rehearsal: the model answered a longest prompt");
  return first + eachMs * Math.max(settings.inference.numPredict, deltas);
}

/** An error's own sentence, to stand inside another one. */
const said = (error: unknown): string =>
  (error instanceof FleetError ? error.summary : describeError(error)).replace(/\.$/, "");

/** As many bytes as fit into a prompt's blob, of words that no tokenizer folds into one. */
function longestPrompt(): string {
  const question = "Continue this list of words with the same number of further words.";
  const words = ["river", "stone", "lamp", "seven", "cloud", "green", "walk", "paper", "north", "quiet"];
  const room = blobCapacityBytes - envelopeOverheadBytes - question.length - 1;
  let text = "";
  for (let at = 0; text.length < room; at++) text += `${words[(at * 7 + Math.floor(at / 10)) % words.length] ?? ""} `;
  return `${text.slice(0, room)}\n${question}`;
}

/** The last rehearsal's blob if it is fresh or undecided, else one more: a beacon node does not keep blobs for ever. */
function recentPurpose(parts: Parts, generation: number): PurposeId {
  const { journal, time } = parts;
  const oldest = (time.head?.number ?? 0n) - freshBlocks;
  for (let n = 1; ; n++) {
    const purpose = purposesOf(parts).rehearsal(generation, n);
    if (!journal.sentFor(purpose).some(({ mined, outcome }) => outcome === "mined" && (mined?.block ?? 0n) < oldest))
      return purpose;
  }
}

async function writeAndReadBack(parts: Parts, generation: number, signal: AbortSignal): Promise<void> {
  const { ports, identity, clock, log } = parts;
  // The same bytes at each attempt: a purpose is paid once, and its blob is followed, not written again as long as it can be read.
  const payload = utf8(`rehearsal of ${identity.worker} on ${identity.host}, generation ${generation}`);
  const purpose = recentPurpose(parts, generation);
  const written = await ports.transactions.publish({ purpose, payload, signal });
  const startedMs = clock.now();
  for (;;) {
    signal.throwIfAborted();
    const read = await ports.blobs.fetch(written.versionedHash, written.block, signal).catch((error: unknown) => {
      if (clock.now() - startedMs < readBackMs) return undefined;
      throw new RehearsalFailed(
        "a blob that was written could not be read back",
        "check endpoints.beacon of the network; the rehearsal is repeated by itself.",
        error,
      );
    });
    if (read !== undefined) {
      if (Buffer.from(read).equals(payload)) return log.info("rehearsal: a blob was written and read back");
      throw new RehearsalFailed(
        "the blob that was read back is not the one written",
        "check endpoints.beacon of the network.",
      );
    }
    await clock.sleep(1_000, signal);
  }
}
