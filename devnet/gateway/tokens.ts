import { randomBytes } from "node:crypto";
import { jwtVerify, SignJWT } from "jose";
import type { Clock } from "../../system/clock.js";

/** What a token is good for: a worker's calls to the gateway, one session's stream on the relay, or a consumer's calls to the dispatcher. */
export type TokenUse = "worker" | "relay" | "consumer";

/** A signed token and when it ends. */
export interface IssuedToken {
  readonly token: string;
  /** RFC 3339, whole seconds. */
  readonly expiresAt: string;
}

/** Issues and checks JSON Web Tokens (HS256) under a key that lives as long as this object: a restarted gateway knows none of them. */
export interface Tokens {
  /** @param subject whom or what the token names: a worker's or consumer's address, or a session's id */
  issue(use: TokenUse, subject: string): Promise<IssuedToken>;
  /** The subject of a valid token, or `undefined`. */
  subjectOf(use: TokenUse, token: string): Promise<string | undefined>;
}

/** How long a token is good for, in seconds. Workers log in again when less than 5 minutes are left (sidecar reference §5.2). */
export const TOKEN_SECONDS = 3600;

/** Makes a new key and the tokens under it. */
export function createTokens(clock: Clock): Tokens {
  const key = new Uint8Array(randomBytes(32));
  return {
    issue: async (use, subject) => {
      const now = Math.floor(clock.now() / 1000);
      const token = await new SignJWT()
        .setProtectedHeader({ alg: "HS256" })
        .setSubject(subject)
        .setAudience(use)
        .setJti(randomBytes(8).toString("hex"))
        .setIssuedAt(now)
        .setExpirationTime(now + TOKEN_SECONDS)
        .sign(key);
      return { token, expiresAt: rfc3339(now + TOKEN_SECONDS) };
    },
    subjectOf: async (use, token) => {
      try {
        const options = { audience: use, algorithms: ["HS256"], currentDate: new Date(clock.now()) };
        return (await jwtVerify(token, key, options)).payload.sub;
      } catch {
        return undefined;
      }
    },
  };
}

/** Unix seconds as `2026-01-01T00:00:00Z`. */
export const rfc3339 = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
