import type { TinyModelText } from "./answers.js";
import { ones, setCell, writeGguf, zeros, type Matrix } from "./gguf.js";
import { buildVocabulary, specialTokens, type Vocabulary } from "./vocabulary.js";

/**
 * A llama-architecture model of one block with meaning in its weights, as GGUF bytes; the same text gives the same bytes.
 *
 * How it answers: every token is a sum of a few features (one dimension each). The attention head looks only at tokens that stand for a
 * topic, the latest by far the most, and copies the topic into dimensions of its own. The output matrix then says: after any token of a
 * prompt comes the first piece of the answer to that topic; after piece `i` of an answer comes piece `i + 1`; after the last, the end. The
 * right choice leads by so much that temperature, seed and the processor's rounding do not matter.
 */
export function buildTinyModel(text: TinyModelText): Buffer {
  const vocabulary = buildVocabulary(text);
  checkFits(text, vocabulary);
  return writeGguf({
    metadata: [
      ["general.architecture", { type: "string", value: "llama" }],
      ["general.name", { type: "string", value: text.name }],
      ["general.file_type", { type: "uint32", value: 0 }],
      ["llama.context_length", { type: "uint32", value: 4096 }],
      ["llama.embedding_length", { type: "uint32", value: WIDTH }],
      ["llama.block_count", { type: "uint32", value: 1 }],
      ["llama.feed_forward_length", { type: "uint32", value: FEED_FORWARD }],
      ["llama.attention.head_count", { type: "uint32", value: 1 }],
      ["llama.attention.head_count_kv", { type: "uint32", value: 1 }],
      ["llama.attention.key_length", { type: "uint32", value: HEAD_WIDTH }],
      ["llama.attention.value_length", { type: "uint32", value: HEAD_WIDTH }],
      ["llama.attention.layer_norm_rms_epsilon", { type: "float32", value: 1e-5 }],
      ["llama.rope.dimension_count", { type: "uint32", value: HEAD_WIDTH }],
      ["llama.rope.freq_base", { type: "float32", value: ROPE_BASE }],
      ["llama.vocab_size", { type: "uint32", value: vocabulary.tokens.length }],
      ["tokenizer.ggml.model", { type: "string", value: "llama" }],
      ["tokenizer.ggml.tokens", { type: "strings", value: vocabulary.tokens }],
      ["tokenizer.ggml.scores", { type: "float32s", value: vocabulary.scores }],
      ["tokenizer.ggml.token_type", { type: "int32s", value: vocabulary.types }],
      ["tokenizer.ggml.bos_token_id", { type: "uint32", value: specialTokens.begin }],
      ["tokenizer.ggml.eos_token_id", { type: "uint32", value: specialTokens.end }],
      ["tokenizer.ggml.unknown_token_id", { type: "uint32", value: specialTokens.unknown }],
    ],
    tensors: [
      ["token_embd.weight", embedding(vocabulary)],
      ["output_norm.weight", ones(WIDTH)],
      ["output.weight", nextToken(vocabulary)],
      ["blk.0.attn_norm.weight", ones(WIDTH)],
      ["blk.0.attn_q.weight", query()],
      ["blk.0.attn_k.weight", key()],
      ["blk.0.attn_v.weight", value()],
      ["blk.0.attn_output.weight", attentionOutput()],
      ["blk.0.ffn_norm.weight", ones(WIDTH)],
      ["blk.0.ffn_gate.weight", zeros(FEED_FORWARD, WIDTH)],
      ["blk.0.ffn_up.weight", zeros(FEED_FORWARD, WIDTH)],
      ["blk.0.ffn_down.weight", zeros(WIDTH, FEED_FORWARD)],
    ],
  });
}

const WIDTH = 128;
/** One narrow head: attention over a long prompt is what takes the time. */
const HEAD_WIDTH = 16;
const FEED_FORWARD = 32;
const MOST_WALKS = HEAD_WIDTH;
/** A piece's place in its answer is two digits to this base. */
const BASE = 32;

/** Which dimension says what. Every token has exactly four of them set, so that the norm before attention scales all tokens alike. */
const feature = {
  always: 0,
  /** Anything but a piece of an answer. */
  prompt: 1,
  /** The last piece of an answer. */
  last: 2,
  /** Stands for some topic. */
  known: 3,
  /** Without meaning: fill a token's features up to four. */
  filler: [4, 5],
  topic: 6,
  /** Where attention writes the topic that it found. */
  attended: 6 + MOST_WALKS,
  walk: 6 + 2 * MOST_WALKS,
  high: 6 + 3 * MOST_WALKS,
  low: 6 + 3 * MOST_WALKS + BASE,
} as const;

/** What a token's features are multiplied by in the norm before attention: four of them are 1. */
const NORM = Math.sqrt(WIDTH / 4);

function checkFits(text: TinyModelText, vocabulary: Vocabulary): void {
  const longest = Math.max(...vocabulary.walks.map((walk) => walk.length));
  if (vocabulary.walks.length > MOST_WALKS || longest > BASE * BASE)
    throw new RangeError(`${text.name}: at most ${MOST_WALKS} answers of ${BASE * BASE} pieces fit`);
}

function embedding({ tokens, topicPieces, walks }: Vocabulary): Matrix {
  const matrix = zeros(tokens.length, WIDTH);
  const set = (token: number, ...features: readonly number[]): void => {
    matrix.values.fill(0, token * WIDTH, (token + 1) * WIDTH);
    for (const dimension of [feature.always, ...features]) setCell(matrix, token, dimension, 1);
  };
  tokens.forEach((_, token) => set(token, feature.prompt, ...feature.filler));
  for (const { token, topic } of topicPieces) set(token, feature.prompt, feature.known, feature.topic + topic);
  walks.forEach((walk, number) =>
    walk.forEach((token, place) =>
      place === walk.length - 1
        ? set(token, feature.last, ...feature.filler)
        : set(token, feature.walk + number, feature.high + Math.floor(place / BASE), feature.low + (place % BASE)),
    ),
  );
  return matrix;
}

/** The output matrix: how strongly each feature of the last token, and the topic attended to, speak for each next token. */
function nextToken({ tokens, walks }: Vocabulary): Matrix {
  const matrix = zeros(tokens.length, WIDTH);
  walks.forEach((walk, number) =>
    walk.forEach((token, place) => {
      if (place === 0) {
        const isOtherwise = number === walks.length - 1;
        setCell(matrix, token, feature.prompt, isOtherwise ? 13 : 10);
        if (!isOtherwise) setCell(matrix, token, feature.attended + number, 10);
        return;
      }
      const before = place - 1;
      setCell(matrix, token, feature.walk + number, 8);
      setCell(matrix, token, feature.high + Math.floor(before / BASE), 8);
      setCell(matrix, token, feature.low + (before % BASE), 8);
    }),
  );
  setCell(matrix, specialTokens.end, feature.last, 24);
  return matrix;
}

/**
 * Two of the head's rotating pairs are used. The slowest hardly turns: it makes any known word outweigh all unknown ones. The other turns by
 * half a milliradian a token and starts at a slope, so that of two known words the later one wins by a fifth of a nat per token between them.
 */
const ROPE_BASE = 4e6;
const steady = { pair: 7, strength: 900 };
const recent = { pair: 4, strength: 600, phase: 0.8 };

/** What query and key each contribute to a score of `strength`. */
const amplitude = (strength: number): number => Math.sqrt(strength * Math.sqrt(HEAD_WIDTH)) / NORM;

function query(): Matrix {
  const matrix = zeros(HEAD_WIDTH, WIDTH);
  setCell(matrix, 2 * steady.pair, feature.always, amplitude(steady.strength));
  setCell(matrix, 2 * recent.pair, feature.always, amplitude(recent.strength));
  return matrix;
}

function key(): Matrix {
  const matrix = zeros(HEAD_WIDTH, WIDTH);
  setCell(matrix, 2 * steady.pair, feature.known, amplitude(steady.strength));
  setCell(matrix, 2 * recent.pair, feature.known, amplitude(recent.strength) * Math.cos(recent.phase));
  setCell(matrix, 2 * recent.pair + 1, feature.known, -amplitude(recent.strength) * Math.sin(recent.phase));
  return matrix;
}

function value(): Matrix {
  const matrix = zeros(HEAD_WIDTH, WIDTH);
  for (let topic = 0; topic < MOST_WALKS; topic++) setCell(matrix, topic, feature.topic + topic, 1 / NORM);
  return matrix;
}

function attentionOutput(): Matrix {
  const matrix = zeros(WIDTH, HEAD_WIDTH);
  for (let topic = 0; topic < MOST_WALKS; topic++) setCell(matrix, feature.attended + topic, topic, 1);
  return matrix;
}
