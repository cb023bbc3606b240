import { revertDataOf } from "../../abi/revert.js";
import { ChainUnavailable } from "../failures.js";

/**
 * Waits for a node's answer. @throws ChainUnavailable (LF1405) with the node's own words: the errors of HTTP clients repeat the endpoint's url, which often
 * carries an access key, and the whole request.
 */
export async function asking<T>(what: string, question: Promise<T>): Promise<T> {
  try {
    return await question;
  } catch (error) {
    throw unavailable(what, error);
  }
}

/** The same for an error that was caught already. A revert's bytes stay with it: they tell an id that the chain does not have from a node that is silent. */
export function unavailable(what: string, error: unknown): ChainUnavailable {
  const data = revertDataOf(error);
  return new ChainUnavailable(what, Object.assign(new Error(wordsOf(error)), data !== undefined && { data }));
}

/** What an error and its causes say, the innermost first; without urls and bodies. */
export function wordsOf(error: unknown): string {
  const said: string[] = [];
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 20; depth++) {
    const { details, shortMessage, message, cause } = at as Readonly<Record<string, unknown>>;
    const words = [details, shortMessage, message].find((text) => typeof text === "string" && text !== "");
    if (typeof words === "string") said.unshift(words.split("\n")[0] ?? "");
    at = cause;
  }
  const distinct = [...new Set(said.map((words) => words.replaceAll(/\b(?:https?|wss?):\/\/\S+/g, "its endpoint")))];
  return distinct.join("; ") || String(error);
}
