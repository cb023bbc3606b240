/** Runs pieces of work one after the other, in the order they were asked for. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** A queue of its own: choosing a nonce and offering it to the node must not interleave, or a refusal would leave a gap below what came after. */
export function createTurns(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
}
