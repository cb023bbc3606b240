import { z } from "zod";
import type { Signer } from "../../keystore/store.js";
import { utf8 } from "../../protocol/go-text.js";
import type { Clock } from "../../system/clock.js";
import { GatewayUnavailable } from "../errors.js";
import { askGateway, askWithDate } from "./gateway-http.js";

/** Renewed this long before it ends, in ms (sidecar reference §5.2). */
const renewBeforeMs = 5 * 60_000;
/** Taken for the life of a token that does not say when it ends, or when it was made, in ms. */
const assumedLifeMs = 30 * 60_000;

/**
 * How long a token lives from now, in ms. Its end is a date, so it is measured from the gateway's own date: this machine's may be wrong by days. A token that ends
 * sooner than assumed is refused with a 401, which leads to a new login. Pure.
 * @param endsAt RFC 3339
 * @param madeAtMs the gateway's Unix time, ms
 */
export function lifeOf(endsAt: string | undefined, madeAtMs: number | null): number {
  const lifeMs = Date.parse(endsAt ?? "") - (madeAtMs ?? NaN);
  return lifeMs > 0 ? lifeMs : assumedLifeMs;
}

/** The worker's token at the gateway. */
export interface Login {
  /** A token with at least five minutes left, or half of a shorter life; logs in when there is none. @throws GatewayRefused, GatewayUnavailable */
  token(): Promise<string>;
  /** Forgets `refused`, so that the next {@link token} is a new one. A newer token than that is kept. */
  forget(refused: string): void;
}

const challengeSchema = z.object({ message: z.string().min(1) });
const tokenSchema = z.object({ token: z.string().min(1), expiresAt: z.string().optional() });

/** Logs in with the worker's key: the gateway's challenge, signed as a personal message. Source: sidecar reference §5.1, §5.2. */
export function createLogin(options: { url: string; signer: Signer; clock: Clock }): Login {
  const { url, signer, clock } = options;
  let current: { token: string; renewAtMs: number } | undefined;
  let running: Promise<string> | undefined;

  const logIn = async (): Promise<string> => {
    const challenge = await askGateway(url, { method: "GET", path: "/api/auth/challenge", accept: [200] });
    const { message } = read(url, challengeSchema, challenge);
    const signature = await signer.signMessage(utf8(message));
    const { text, dateMs } = await askWithDate(url, {
      method: "POST",
      path: "/api/auth/verify",
      body: JSON.stringify({ message, signature }),
      accept: [200],
    });
    const { token, expiresAt } = read(url, tokenSchema, text);
    const lifeMs = lifeOf(expiresAt, dateMs);
    current = { token, renewAtMs: clock.now() + Math.max(lifeMs - renewBeforeMs, lifeMs / 2) };
    return token;
  };

  return {
    token: async () => {
      if (current !== undefined && clock.now() < current.renewAtMs) return current.token;
      running ??= logIn().finally(() => (running = undefined));
      return running;
    },
    forget: (refused) => {
      if (current?.token === refused) current = undefined;
    },
  };
}

function read<T>(url: string, schema: z.ZodType<T>, text: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new GatewayUnavailable(url, error);
  }
}
