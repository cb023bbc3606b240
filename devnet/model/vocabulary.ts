import type { TinyModelText } from "./answers.js";

/** A word of the prompt that the model knows, as one token: which topic it stands for. */
export interface TopicPiece {
  readonly token: number;
  readonly topic: number;
}

/** The tokens of a tiny model: what it can read, and every answer as a walk over tokens that nothing else uses. */
export interface Vocabulary {
  readonly tokens: readonly string[];
  /** Merging prefers the higher score (SentencePiece). */
  readonly scores: readonly number[];
  /** llama.cpp's token types. */
  readonly types: readonly number[];
  readonly topicPieces: readonly TopicPiece[];
  /** One walk per topic; the last is the answer to a prompt without any known word. */
  readonly walks: readonly (readonly number[])[];
}

/** Token ids that every vocabulary begins with. */
export const specialTokens = { unknown: 0, begin: 1, end: 2 } as const;

/** SentencePiece's visible space. */
const SPACE = "\u2581";
const tokenTypes = { normal: 1, unknown: 2, control: 3, byte: 6 } as const;

/**
 * Builds the vocabulary of a tiny model.
 *
 * What it reads: known words with every prefix of theirs (SentencePiece merges letter by letter), and bytes for all else. What it says: each
 * answer is cut into pieces that occur once in all answers and that no prompt can be tokenised into, so that the last token alone tells where
 * in which answer the model is.
 */
export function buildVocabulary(text: TinyModelText): Vocabulary {
  const tokens = ["<unk>", "<s>", "</s>", ...Array.from({ length: 256 }, (_, byte) => byteToken(byte))];
  const types: number[] = [tokenTypes.unknown, tokenTypes.control, tokenTypes.control];
  types.push(...Array.from({ length: 256 }, () => tokenTypes.byte));
  const scores = tokens.map(() => 0);
  const index = new Map(tokens.map((token, id) => [token, id]));
  const add = (token: string, score: number): number => {
    index.set(token, tokens.length);
    types.push(tokenTypes.normal);
    scores.push(score);
    return tokens.push(token) - 1;
  };

  for (const piece of readablePieces(text)) add(piece, piece.length);
  const isReadable = mergeableFrom(new Set(index.keys()));
  const topicPieces = text.topics.flatMap(({ words }, topic) =>
    words.flatMap(spellings).map((word) => ({ token: index.get(SPACE + word) ?? specialTokens.unknown, topic })),
  );
  const walks = [...text.topics.map(({ answer }) => answer), text.otherwise].map((answer) =>
    cutIntoPieces(answer, (piece) => !index.has(piece) && !isReadable(piece)).map((piece) => add(piece, 0)),
  );
  return { tokens, scores, types, topicPieces, walks };
}

/** A word as people type it: as it is, as a plural, and both with a capital. */
const spellings = (word: string): string[] =>
  [word, `${word}s`].flatMap((spelling) => [spelling, spelling.charAt(0).toUpperCase() + spelling.slice(1)]);

const byteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;

/** The known words and all their prefixes, each after a space, shortest first. */
function readablePieces(text: TinyModelText): string[] {
  const words = [...text.topics.flatMap(({ words }) => words), ...text.ignoredWords].flatMap(spellings);
  const letters = Array.from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
  const pieces = [...words, ...letters].flatMap((word) =>
    Array.from({ length: word.length + 1 }, (_, length) => SPACE + word.slice(0, length)),
  );
  return [...new Set(pieces)].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
}

/** Whether SentencePiece could build a piece out of single characters, two known symbols at a time. */
function mergeableFrom(known: ReadonlySet<string>): (piece: string) => boolean {
  const isSymbol = (part: string): boolean => part.length === 1 || (known.has(part) && mergeable(part));
  const mergeable = (piece: string): boolean =>
    piece.length < 2 ||
    Array.from({ length: piece.length - 1 }, (_, at) => at + 1).some(
      (at) => isSymbol(piece.slice(0, at)) && isSymbol(piece.slice(at)),
    );
  return mergeable;
}

/** Cuts an answer at its spaces and line breaks, joining neighbours until each piece is fit to stand for its place alone. */
function cutIntoPieces(answer: string, isFree: (piece: string) => boolean): string[] {
  const pieces: string[] = [];
  const isFit = (piece: string): boolean => isFree(piece) && !pieces.includes(piece);
  let pending = "";
  for (const word of answer.split(/(?=[ \n])/)) {
    pending += word.replaceAll(" ", SPACE);
    if (!isFit(pending)) continue;
    pieces.push(pending);
    pending = "";
  }
  while (pending !== "" && !isFit(pending)) {
    const previous = pieces.pop();
    if (previous === undefined) throw new Error(`this answer is also (the beginning of) another one: ${answer}`);
    pending = previous + pending;
  }
  return pending === "" ? pieces : [...pieces, pending];
}
