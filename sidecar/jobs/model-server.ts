import { spellings } from "../../protocol/model-id.js";
import { describeError } from "../../schema/errors.js";
import type { ModelName } from "../../schema/units.js";
import { startLoop } from "../../system/loop.js";
import { ModelMissing } from "../errors.js";
import type { Parts } from "../parts.js";

/** Whether the model server would answer, as last asked. */
export interface ModelServer {
  /** It answers, and has this model. */
  ready(model: ModelName): boolean;
  /** Models of ours that it lacks; all of them while it does not answer. */
  readonly missing: readonly ModelName[];
  /** Why not everything is ready; `null` when it is. */
  readonly trouble: Error | null;
  /** Asks now. */
  look(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

/** Looks at Ollama again and again once it is started. */
export function createModelServer(parts: Pick<Parts, "ports" | "settings" | "clock" | "log" | "metrics">): ModelServer {
  const { ports, settings, clock, log, metrics } = parts;
  let missing: readonly ModelName[] = settings.models;
  let trouble: Error | null = null;
  let loop: ReturnType<typeof startLoop> | undefined;

  const look = async (): Promise<void> => {
    try {
      const names = new Set((await ports.inference.models()).flatMap(spellings));
      missing = settings.models.filter((model) => !names.has(model));
      setTrouble(missing[0] === undefined ? null : new ModelMissing(missing[0]));
      metrics.ollamaUp.set(1);
      void ports.inference.usesGpu().then(metrics.gpuUsed, () => metrics.gpuUsed(null)); // nothing waits for it
    } catch (error) {
      missing = settings.models;
      setTrouble(error instanceof Error ? error : new Error(String(error)));
      metrics.ollamaUp.set(0);
      metrics.gpuUsed(null);
    }
  };
  const setTrouble = (next: Error | null): void => {
    if (next?.message !== trouble?.message) {
      if (next === null) log.info("the model server is ready");
      else log.warn({ reason: describeError(next) }, "the model server is not ready");
    }
    trouble = next;
  };
  return {
    ready: (model) => !missing.includes(model),
    get missing() {
      return missing;
    },
    get trouble() {
      return trouble;
    },
    look,
    start: () => {
      loop ??= startLoop({ round: look, pauseMs: settings.services.heartbeatMs, clock, onError: () => undefined });
    },
    stop: async () => loop?.stop(),
  };
}
