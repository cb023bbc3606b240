import type { ControlReply, ParsedControlRequest, Serving, SidecarStatus } from "../../schema/control.js";
import { impossible } from "../../schema/errors.js";
import { configuredModels, type Parts } from "../parts.js";
import { generationLeft, modelNotConfigured, stopping } from "./refusals.js";

/** What requests do to the sidecar. */
export interface ControlEffects {
  status(): SidecarStatus;
  /** What it was told has changed: look at once. */
  told(): void;
  acknowledgeOffences(): void;
  drain(): void;
  readonly isStopping: boolean;
}

/**
 * Carries out one request and answers with the status after it. Nothing here waits for the chain: what was asked for is written down, and the sidecar is on its
 * way.
 * @throws RequestRefused LF1423-LF1425
 */
export function handleRequest(
  parts: Pick<Parts, "journal" | "settings" | "log">,
  effects: ControlEffects,
  request: ParsedControlRequest,
): ControlReply {
  if (request.op !== "status") parts.log.info({ op: request.op }, "control request");
  if (effects.isStopping && (request.op === "live" || request.op === "leave")) throw stopping();
  switch (request.op) {
    case "status":
      break;
    case "live":
      live(parts, request.serving);
      effects.told();
      break;
    case "leave":
      leave(parts, request.generation);
      effects.told();
      break;
    case "resume":
      effects.acknowledgeOffences();
      break;
    case "drain":
      effects.drain();
      break;
    default:
      return impossible(request);
  }
  return { ok: true, status: effects.status() };
}

function live({ journal, settings }: Pick<Parts, "journal" | "settings">, serving: Serving): void {
  const left = Math.max(journal.leftGeneration(), journal.leavingGeneration());
  if (serving.generation <= left) throw generationLeft(serving.generation, left);
  const configured = configuredModels(settings);
  const unknown = serving.models.find((model) => !configured.has(model));
  if (unknown !== undefined) throw modelNotConfigured(unknown);
  journal.setServing(serving);
}

/** Told to leave a generation that has left already, there is nothing to do; a higher one leaves all below it. */
function leave({ journal }: Pick<Parts, "journal">, generation: number): void {
  if (generation > Math.max(journal.leftGeneration(), journal.leavingGeneration())) journal.setLeaving(generation);
}
