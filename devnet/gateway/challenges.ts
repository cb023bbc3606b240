import { randomBytes } from "node:crypto";
import type { Clock } from "../../system/clock.js";
import { rfc3339 } from "./tokens.js";

/** A text to be signed by whoever logs in. */
export interface Challenge {
  readonly message: string;
  /** RFC 3339, whole seconds. */
  readonly expiresAt: string;
}

/** Texts given out for logging in; each is good once, and not for long. */
export interface Challenges {
  give(): Challenge;
  /** Whether the text is one of ours that is not expired; it is used up by asking. */
  redeem(message: string): boolean;
}

/** How long a challenge is good for, in seconds. */
export const CHALLENGE_SECONDS = 60;
/** The oldest are forgotten beyond this many. */
const MOST_OPEN = 10_000;

/**
 * Starts without any open challenge. Source of the text: sidecar reference §5.2.
 * @param purpose the text's first word
 */
export function createChallenges(clock: Clock, purpose = "lightchain-worker-gateway-auth"): Challenges {
  const endings = new Map<string, number>();
  return {
    give: () => {
      const issued = Math.floor(clock.now() / 1000);
      const expiresAt = rfc3339(issued + CHALLENGE_SECONDS);
      const nonce = randomBytes(16).toString("hex");
      const message = `${purpose} nonce=${nonce} issued=${rfc3339(issued)} expires=${expiresAt}`;
      endings.set(message, (issued + CHALLENGE_SECONDS) * 1000);
      for (const oldest of endings.keys()) {
        if (endings.size <= MOST_OPEN) break;
        endings.delete(oldest);
      }
      return { message, expiresAt };
    },
    redeem: (message) => {
      const ending = endings.get(message);
      return endings.delete(message) && ending !== undefined && clock.now() < ending;
    },
  };
}
