import { z } from "zod";
import type { Hex } from "../../schema/units.js";

/**
 * Asking the rehearsal relay for a token: `POST /token` on the relay's host. It stands in for the consumer API's
 * `GET /api/sessions/{id}/token`, which the rehearsal network has not got: there, an account that is logged in asks; here, the session's owner
 * signs {@link relayAccessText} (personal_sign). The answer is `{token, expiresAt}`; the token goes into `/ws?token=…`.
 */
export const relayAccessSchema = z.object({
  /** Decimal: ids may exceed what a JSON number holds. */
  sessionId: z
    .string()
    .regex(/^\d{1,78}$/)
    .transform(BigInt),
  /** Unix seconds when it was signed; refused when it is more than {@link ACCESS_SECONDS} off. */
  issued: z.int().nonnegative(),
  signature: z
    .string()
    .regex(/^0x[0-9a-fA-F]{130}$/)
    .transform((text) => text as Hex),
});

/** How far the signed time may be from the relay's own, in seconds. */
export const ACCESS_SECONDS = 120;

/** The text that a session's owner signs to listen to it. */
export const relayAccessText = (sessionId: bigint, issued: number): string =>
  `lightchain-rehearsal-relay session=${sessionId.toString()} issued=${issued}`;
