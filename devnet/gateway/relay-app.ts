import { Hono } from "hono";
import { z } from "zod";
import { sessionId } from "../../schema/units.js";
import { faultMiddleware } from "../faults.js";
import { ACCESS_SECONDS, relayAccessSchema, relayAccessText } from "./relay-access.js";
import type { GatewayParts } from "./parts.js";
import { signerOf } from "./worker-app.js";

/** The relay's one HTTP route, for tokens ({@link relayAccessSchema}). */
export function relayApp({ tokens, view, faults, clock, log }: GatewayParts): Hono {
  const app = new Hono();
  app.use(faultMiddleware(faults, "relay", clock));
  app.post("/token", async (context) => {
    const refuse = (status: 400 | 403 | 503, error: string, message: string) =>
      context.json({ error, message }, status);
    const body = relayAccessSchema.safeParse(await context.req.json().catch(() => undefined));
    if (!body.success) return refuse(400, "bad_request", z.prettifyError(body.error));
    const { issued, signature } = body.data;
    const session = sessionId(body.data.sessionId);
    if (Math.abs(clock.now() / 1000 - issued) > ACCESS_SECONDS)
      return refuse(403, "stale", "the signature is too old, or from the future");
    try {
      const [signer, owner] = await Promise.all([
        signerOf(relayAccessText(session, issued), signature),
        view.ownerOf(session),
      ]);
      if (owner === undefined) return refuse(403, "unknown_session", `there is no session ${session.toString()}`);
      if (signer !== owner) return refuse(403, "not_the_owner", `session ${session.toString()} belongs to ${owner}`);
    } catch (error) {
      log.warn({ err: error }, "the chain could not be asked for a session");
      return refuse(503, "unavailable", "the chain could not be asked");
    }
    return context.json(await tokens.issue("relay", session.toString()));
  });
  return app;
}
