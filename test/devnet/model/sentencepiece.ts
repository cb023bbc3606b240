import type { Vocabulary } from "../../../devnet/model/vocabulary.js";

/** Cuts text into pieces as SentencePiece does: the neighbours whose union scores highest are joined first, the leftmost of equals. */
export function pieces(text: string, { tokens, scores }: Vocabulary): string[] {
  const scoreOf = new Map(tokens.map((token, id) => [token, scores[id]!]));
  const symbols = Array.from(` ${text}`.replaceAll(" ", "\u2581"));
  for (;;) {
    let best = -1;
    for (let at = 0; at + 1 < symbols.length; at++) {
      const score = scoreOf.get(symbols[at]! + symbols[at + 1]!) ?? -Infinity;
      if (score > (best < 0 ? -Infinity : scoreOf.get(symbols[best]! + symbols[best + 1]!)!)) best = at;
    }
    if (best < 0) return symbols;
    symbols.splice(best, 2, symbols[best]! + symbols[best + 1]!);
  }
}
