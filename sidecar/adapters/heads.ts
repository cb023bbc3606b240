import type { PublicClient } from "viem";
import type { BlockRef } from "../../lifecycle/types.js";
import { blockTime } from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import { startLoop } from "../../system/loop.js";
import type { Unsubscribe } from "../ports.js";
import { asking } from "./asking.js";
import { pushHeads } from "./pushed-heads.js";

/** New blocks as they come. */
export interface Heads {
  /** @throws ChainUnavailable */
  read(): Promise<BlockRef>;
  listen(listener: (head: BlockRef) => void): Unsubscribe;
  /** Why the last look failed; `null` when it did not. */
  readonly trouble: unknown;
  close(): Promise<void>;
}

/**
 * Watches the head: a push over WebSocket, where there is one, only makes the next look come at once; what is told is always what the node answered to it. So a
 * socket that went silent costs a poll interval, never a block.
 */
export function watchHeads(options: {
  client: PublicClient;
  ws: string | undefined;
  pollMs: number;
  clock: Clock;
  log: Logger;
}): Heads {
  const { client, clock, log } = options;
  const listeners = new Set<(head: BlockRef) => void>();
  const isNews = newsFilter();
  let trouble: unknown = null;
  const read = async (): Promise<BlockRef> => {
    const block = await asking("the newest block", client.getBlock({ blockTag: "latest" }));
    return { number: block.number, hash: block.hash, time: blockTime(block.timestamp) };
  };
  const loop = startLoop({
    round: async () => {
      const head = await read();
      trouble = null;
      if (isNews(head)) for (const listener of [...listeners]) listener(head);
    },
    pauseMs: options.pollMs,
    clock,
    onError: (error) => {
      trouble = error;
      log.warn({ err: error }, "the newest block could not be read");
    },
  });
  const push = options.ws === undefined ? undefined : pushHeads(options.ws, () => loop.trigger(), clock, log);
  return {
    read,
    get trouble() {
      return trouble;
    },
    listen: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close: async () => {
      await Promise.all([push?.close(), loop.stop()]);
    },
  };
}

/** Looks at a lower block after which it is believed: the chain itself went back, not one lagging node behind a load balancer. */
const believedAfter = 3;

/**
 * Tells which answers are a new head: a higher block, or another one at the same height. A lower block is one only when the node sticks to it, so that time never
 * seems to go back because two nodes take turns.
 */
export function newsFilter(): (head: Pick<BlockRef, "number" | "hash">) => boolean {
  let last: Pick<BlockRef, "number" | "hash"> | undefined;
  let lower = 0;
  return (head) => {
    if (head.hash === last?.hash) {
      lower = 0;
      return false;
    }
    if (last !== undefined && head.number < last.number && ++lower < believedAfter) return false;
    lower = 0;
    last = head;
    return true;
  };
}
