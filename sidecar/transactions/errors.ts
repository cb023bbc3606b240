import { otherProofsWanted } from "../../protocol/blob-transaction.js";
import { BroadcastRefused, BroadcastUnclear } from "../failures.js";
import type { RefusalKind } from "../ports.js";

/** What a node's answer to a broadcast means. */
export type BroadcastAnswer =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused"; readonly refusal: RefusalKind; readonly reason: string }
  | { readonly kind: "unclear"; readonly reason: string };

/*
 * Nodes say in words what they mean; codes alone (geth answers -32000 to everything) tell little. The first pattern that fits decides. Words of geth's pools,
 * of reth, Nethermind and Besu, and the codes that the reference worker trusts (contracts reference §6.5).
 */
const known = /already known|known transaction|already imported|alreadyknown|already in (?:the )?(?:mempool|pool)/i;
const refusals: readonly (readonly [RegExp, RefusalKind])[] = [
  [/address already reserved|conflictingtype|conflicting (?:transaction )?type/i, "reserved"],
  [/replacement transaction underpriced|replacementnotallowed|replacement penalty/i, "replacementUnderpriced"],
  [/nonce too low|oldnonce|nonce has already been used/i, "nonceTooLow"],
  [/nonce too high|gapped|noncegap|nonce too distant|future transaction tries to replace pending/i, "nonceTooHigh"],
  [/insufficient funds|insufficientfunds|exceeds (?:account )?balance|overshot/i, "funds"],
  [
    /underpriced|gas price below minimum|tip needed|txpool is full|(?:fee|price)[a-z ]*less than block base fee|feetoolow/i,
    "underpriced",
  ],
  [otherProofsWanted, "proofs"],
  [
    /intrinsic gas|exceeds block gas limit|gas limit too high|invalid sender|invalid signature|invalid chain ?id|oversized data|negative value|not supported|replay-protected|configured cap|sidecar|commitment|blob|kzg|init ?code|higher than max fee|rlp/i,
    "other",
  ],
];
const certainCodes = new Map<number, RefusalKind>([
  [-38010, "nonceTooLow"],
  [-38011, "nonceTooHigh"],
  [-38014, "funds"],
  ...[-32602, -38013, -38015, -38024, -38025].map((code) => [code, "other"] as const),
]);
/** HTTP answers that mean the request never came as far as a pool. */
const certainStatuses = [401, 403, 404, 405, 413, 415];

/**
 * Reads what a failed `eth_sendRawTransaction` means. Whatever is not certainly a refusal is unclear: taking an accepted transaction for refused would sign a
 * second one, taking a refused one for unclear only costs asking again.
 */
export function classifyBroadcast(error: unknown): BroadcastAnswer {
  const { texts, codes, statuses } = partsOf(error);
  const answered = codes.length > 0;
  const reason = texts.find((text) => text.length > 0) ?? "no words";
  if (answered) {
    if (texts.some((text) => known.test(text))) return { kind: "accepted" };
    for (const [pattern, refusal] of refusals)
      if (texts.some((text) => pattern.test(text))) return { kind: "refused", refusal, reason };
    for (const code of codes) {
      const refusal = certainCodes.get(code);
      if (refusal !== undefined) return { kind: "refused", refusal, reason };
    }
  }
  if (statuses.some((status) => certainStatuses.includes(status)))
    return { kind: "refused", refusal: "other", reason: `HTTP ${statuses.join(", ")}: ${reason}` };
  return { kind: "unclear", reason };
}

/** The same as an error to be thrown; `undefined` when the transaction was accepted after all. */
export function broadcastFailure(error: unknown): BroadcastRefused | BroadcastUnclear | undefined {
  const answer = classifyBroadcast(error);
  switch (answer.kind) {
    case "accepted":
      return undefined;
    case "refused":
      return new BroadcastRefused(answer.refusal, answer.reason);
    case "unclear":
      return new BroadcastUnclear(answer.reason);
  }
}

/** Everything an error and its causes say: the node's own words (`details` in viem's errors), JSON-RPC codes, HTTP statuses. */
function partsOf(error: unknown): { texts: string[]; codes: number[]; statuses: number[] } {
  const texts: string[] = [];
  const codes: number[] = [];
  const statuses: number[] = [];
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 20; depth++) {
    const part = at as Record<string, unknown>;
    const text = typeof part["details"] === "string" ? part["details"] : part["message"];
    if (typeof text === "string") texts.unshift(text);
    if (typeof part["code"] === "number" && part["code"] < -1) codes.push(part["code"]);
    if (typeof part["status"] === "number") statuses.push(part["status"]);
    at = part["cause"];
  }
  return { texts, codes, statuses };
}
