import type { LocalAccount } from "viem";
import { WebSocket } from "ws";
import { z } from "zod";
import type { SessionId } from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";
import { relayAccessText } from "../gateway/relay-access.js";

/** A connection to the relay that comes back by itself. */
export interface RelayListener {
  /** Resolves at the first connection; on a relay that stays silent, after `patienceMs`. Never rejects. */
  ready(patienceMs: number): Promise<void>;
  close(): Promise<void>;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** How long a token or a connection may take, in ms. */
const ATTEMPT_MS = 10_000;

/**
 * Listens to a session on the relay. Whatever goes wrong is tried again, more slowly each time: an answer can also be had from the chain.
 * @param options.onFrame gets each frame's text, those from before the connection first
 */
export function listenToRelay(options: {
  relayUrl: string;
  session: SessionId;
  account: LocalAccount;
  clock: Clock;
  onFrame: (text: string) => void;
}): RelayListener {
  const closing = new AbortController();
  const connected = new AbortController();
  const listening = (async () => {
    for (let pause = FIRST_PAUSE_MS; !closing.signal.aborted; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      const wasConnected = await listenOnce(options, closing.signal, () => connected.abort()).catch(() => false);
      if (wasConnected) pause = FIRST_PAUSE_MS;
      await options.clock.sleep(pause, closing.signal);
    }
  })();
  return {
    ready: (patienceMs) => options.clock.sleep(patienceMs, AbortSignal.any([closing.signal, connected.signal])),
    close: async () => {
      closing.abort();
      await listening;
    },
  };
}

/** One connection, from its token to its end. @returns whether it was ever open */
async function listenOnce(
  options: Parameters<typeof listenToRelay>[0],
  closing: AbortSignal,
  onConnected: () => void,
): Promise<boolean> {
  const url = new URL(options.relayUrl);
  url.searchParams.set("token", await tokenFor(options, closing));
  const socket = new WebSocket(url, { handshakeTimeout: ATTEMPT_MS, maxPayload: 1024 * 1024 });
  const end = (): void => socket.terminate();
  closing.addEventListener("abort", end, { once: true });
  let wasOpen = false;
  await new Promise<void>((resolve) => {
    socket.on("open", () => {
      wasOpen = true;
      onConnected();
      if (closing.aborted) end();
    });
    socket.on("message", (data: Buffer) => options.onFrame(data.toString("utf8"))); // `ws` hands over one Buffer by default
    socket.on("error", () => undefined); // "close" follows
    socket.on("close", () => resolve());
  });
  closing.removeEventListener("abort", end);
  return wasOpen;
}

const tokenAnswer = z.object({ token: z.string() });

async function tokenFor(
  { relayUrl, session, account, clock }: Parameters<typeof listenToRelay>[0],
  closing: AbortSignal,
) {
  const url = new URL("/token", relayUrl);
  url.protocol = url.protocol === "wss:" ? "https:" : "http:";
  const issued = Math.floor(clock.now() / 1000);
  const signature = await account.signMessage({ message: relayAccessText(session, issued) });
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ sessionId: session.toString(), issued, signature }),
    signal: AbortSignal.any([closing, AbortSignal.timeout(ATTEMPT_MS)]),
  });
  return tokenAnswer.parse(await response.json()).token;
}
