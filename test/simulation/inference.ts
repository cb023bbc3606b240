import { modelName } from "../../schema/units.js";
import { EmptyAnswer, InferenceFailed, InferenceUnavailable } from "../../sidecar/errors.js";
import type { Inference } from "../../sidecar/ports.js";
import type { Clock } from "../../system/clock.js";
import { model } from "./world.js";

/** How the simulated model behaves; may be changed under way. */
export interface ModelBehaviour {
  up: boolean;
  /** Generations that fail from now on. */
  failures: number;
  /** Time of one delta, ms. */
  deltaMs: number;
  answer: (prompt: string) => readonly string[];
  /** Prompts that were asked, in order. */
  readonly asked: string[];
  /** The turns before each of them. */
  readonly histories: string[][];
}
export const newModelBehaviour = (): ModelBehaviour => ({
  up: true,
  failures: 0,
  deltaMs: 100,
  answer: (prompt) => [`You `, `asked: `, prompt.slice(0, 40)],
  asked: [],
  histories: [],
});

/** Asked anew each time: it changes while we wait. */
const isUp = ({ up }: ModelBehaviour): boolean => up;

export function createSimulatedInference(clock: Clock, behaviour: ModelBehaviour): Inference {
  return {
    answer: async function* ({ prompt, history }, name, signal, sample) {
      if (!behaviour.up) throw new InferenceUnavailable("sim", new Error("down"));
      const text = prompt.kind === "text" ? prompt.text : (prompt.messages.at(-1)?.content ?? "");
      behaviour.asked.push(text);
      behaviour.histories.push(history.map(({ role, content }) => `${role}: ${content}`));
      const pieces = behaviour.answer(text).slice(0, sample);
      const fails = behaviour.failures > 0;
      if (fails) behaviour.failures--;
      for (const [at, piece] of pieces.entries()) {
        await clock.sleep(behaviour.deltaMs, signal);
        signal.throwIfAborted();
        if (!isUp(behaviour) || (fails && at > 0)) throw new InferenceFailed(name, "its answer was cut off");
        yield { kind: "text", text: piece };
      }
      if (pieces.length === 0) throw new EmptyAnswer(name, false);
      const evalDuration = pieces.length * behaviour.deltaMs * 1e6;
      const counts = {
        ...{ totalDuration: evalDuration, loadDuration: 0, promptEvalCount: 3, promptEvalDuration: 1e6 },
        ...{ evalCount: pieces.length, evalDuration },
      };
      yield { kind: "done", counts, maxTokens: 1024 };
    },
    usesGpu: async () => null,
    models: async () => {
      if (!behaviour.up) throw new InferenceUnavailable("sim", new Error("down"));
      return [modelName(`${model}:latest`)];
    },
  };
}
