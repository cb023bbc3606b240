import { WebSocket } from "ws";
import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";

/** A subscription that comes back by itself. */
export interface Push {
  close(): Promise<void>;
}

const firstPauseMs = 1_000;
const longestPauseMs = 30_000;
/** A connection that says nothing for so long is taken as dead; every block is a word. */
const silenceMs = 60_000;

/**
 * Calls back whenever a node says over WebSocket that it has a new block. Connects again, with growing pauses, for as long as it is not closed; while it has no
 * connection nobody calls, so a caller polls beside it.
 */
export function pushHeads(url: string, onHead: () => void, clock: Clock, log: Logger): Push {
  const closing = new AbortController();

  /** One connection, from the first byte to the last. @returns whether the node said anything on it */
  const listen = (): Promise<boolean> =>
    new Promise((resolve) => {
      let wasHeard = false;
      const socket = new WebSocket(url, { handshakeTimeout: 10_000 });
      const quiet = setTimeout(() => socket.terminate(), silenceMs);
      const hangUp = (): void => socket.terminate();
      closing.signal.addEventListener("abort", hangUp, { once: true });
      socket.on("open", () => socket.send(subscription));
      socket.on("message", (data) => {
        quiet.refresh();
        wasHeard = true;
        if (isHead(data)) onHead();
      });
      socket.on("error", (error) => log.debug({ reason: error.message }, "new blocks are not pushed for now"));
      socket.on("close", () => {
        clearTimeout(quiet);
        closing.signal.removeEventListener("abort", hangUp);
        resolve(wasHeard);
      });
    });

  const running = (async () => {
    for (let pause = firstPauseMs; !closing.signal.aborted; pause = Math.min(pause * 2, longestPauseMs)) {
      if (await listen()) pause = firstPauseMs;
      await clock.sleep(pause, closing.signal);
    }
  })();
  return {
    close: async () => {
      closing.abort();
      await running;
    },
  };
}

const subscription = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_subscribe", params: ["newHeads"] });

/** Whatever else a node sends (the subscription's own answer) is none of our business. */
function isHead(data: unknown): boolean {
  try {
    return (JSON.parse(String(data)) as { method?: unknown }).method === "eth_subscription";
  } catch {
    return false;
  }
}
