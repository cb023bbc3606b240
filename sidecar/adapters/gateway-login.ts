import { z } from "zod";
import type { Signer } from "../../keystore/store.js";
import { utf8 } from "../../protocol/go-text.js";
import type { Clock } from "../../system/clock.js";
import { GatewayUnavailable } from "../errors.js";
import { askGateway } from "./gateway-http.js";

/** Renewed this long before it ends, in ms (sidecar reference §5.2). */
const renewBeforeMs = 5 * 60_000;
/** Taken for the life of a token that does not say when it ends, in ms. */
const assumedLifeMs = 30 * 60_000;

/** The worker's token at the gateway. */
export interface Login {
  /** A token with at least five minutes left; logs in when there is none. @throws GatewayRefused, GatewayUnavailable */
  token(): Promise<string>;
  /** Forgets `refused`, so that the next {@link token} is a new one. A newer token than that is kept. */
  forget(refused: string): void;
}

const challengeSchema = z.object({ message: z.string().min(1) });
const tokenSchema = z.object({ token: z.string().min(1), expiresAt: z.string().optional() });

/** Logs in with the worker's key: the gateway's challenge, signed as a personal message. Source: sidecar reference §5.1, §5.2. */
export function createLogin(options: { url: string; signer: Signer; clock: Clock }): Login {
  const { url, signer, clock } = options;
  let current: { token: string; endsMs: number } | undefined;
  let running: Promise<string> | undefined;

  const logIn = async (): Promise<string> => {
    const challenge = await askGateway(url, { method: "GET", path: "/api/auth/challenge", accept: [200] });
    const { message } = read(url, challengeSchema, challenge);
    const signature = await signer.signMessage(utf8(message));
    const answer = await askGateway(url, {
      method: "POST",
      path: "/api/auth/verify",
      body: JSON.stringify({ message, signature }),
      accept: [200],
    });
    const { token, expiresAt } = read(url, tokenSchema, answer);
    const ends = Date.parse(expiresAt ?? "");
    current = { token, endsMs: Number.isNaN(ends) ? clock.now() + assumedLifeMs : ends };
    return token;
  };

  return {
    token: async () => {
      if (current !== undefined && current.endsMs - clock.now() > renewBeforeMs) return current.token;
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
