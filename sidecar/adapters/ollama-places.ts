import type { ModelName } from "../../schema/units.js";
import { abortable } from "../../system/abortable.js";
import type { Logger } from "../../system/log.js";

/** What is asked of Ollama. */
export interface PlacesPorts {
  /** Whether the model is loaded now; `undefined` where Ollama does not say. */
  readonly isLoaded: (model: ModelName) => Promise<boolean | undefined>;
  /** Whether a word to the model is answered before long. */
  readonly answers: (model: ModelName) => Promise<boolean>;
  /** Ends once the model is not loaded any more. */
  readonly unload: (model: ModelName) => Promise<void>;
  readonly log: Logger;
}

/** An answer that is being asked for. */
export interface Place {
  /** Aborts where it has to be asked for once more: it may be waiting behind a place that will never be given back. */
  readonly again: AbortSignal;
  /** Its first piece is there: it waits for no place any more. */
  readonly began: () => void;
  /** To be called at its end. @param isWhole whether Ollama said its last word, and we did not go away before */
  readonly leave: (isWhole: boolean) => void;
}

/** The places in which Ollama answers: a few for each model, by default one. */
export interface Places {
  /** Sees to it that the model answers, where that is in doubt; resolves at once where it is not. Rejects with the signal's reason when that aborts first. */
  free(model: ModelName, signal: AbortSignal): Promise<void>;
  /** Counts an answer that is asked for now. */
  take(model: ModelName): Place;
}

/** What is known of a model. */
interface Standing {
  /** It has answered since this process began, and nothing was broken off since. */
  isSound: boolean;
  readonly asked: Set<{ hasBegun: boolean; readonly again: AbortController }>;
  looking: Promise<boolean> | undefined;
  /** Those who wait until nothing of ours is asked of it. */
  readonly idle: Set<() => void>;
}

/**
 * Ollama may keep the place of a client that goes away in the middle of an answer, for ever: whoever asks next is not answered any more, while the server lists its
 * models as ever (ollama/ollama#17131; one break in twenty). A model that is unloaded gives all its places back, and is unloaded only while nobody waits for it. So after an answer that
 * was broken off, by us or by the process before us, what has not begun is asked for once more; before that the model is asked for one word, when nothing else of ours is asked of it, and
 * unloaded where it does not say it.
 */
export function createPlaces({ isLoaded, answers, unload, log }: PlacesPorts): Places {
  const models = new Map<ModelName, Standing>();
  const standingOf = (model: ModelName): Standing => {
    const known = models.get(model);
    if (known !== undefined) return known;
    const fresh: Standing = { isSound: false, asked: new Set(), looking: undefined, idle: new Set() };
    models.set(model, fresh);
    return fresh;
  };

  /** @returns whether anything could be found out */
  const look = async (model: ModelName, standing: Standing): Promise<boolean> => {
    const loaded = await isLoaded(model);
    if (loaded === undefined) return false;
    if (loaded && !(await answers(model))) {
      const about = { event: "ollama.freed", model };
      log.warn(about, "Ollama keeps the place of an answer that was broken off; the model is loaded anew");
      await unload(model);
    }
    standing.isSound = true;
    return true;
  };
  return {
    free: async (model, signal) => {
      const standing = standingOf(model);
      while (!standing.isSound) {
        signal.throwIfAborted();
        // The word would wait behind what is being answered.
        if (standing.asked.size > 0) await untilIdle(standing, signal);
        else {
          standing.looking ??= look(model, standing).finally(() => (standing.looking = undefined));
          if (!(await abortable(standing.looking, signal))) return;
        }
      }
    },
    take: (model) => {
      const standing = standingOf(model);
      const one = { hasBegun: false, again: new AbortController() };
      standing.asked.add(one);
      return {
        again: one.again.signal,
        began: () => void (one.hasBegun = true),
        leave: (isWhole) => {
          standing.asked.delete(one);
          if (!isWhole) {
            standing.isSound = false;
            for (const other of standing.asked) if (!other.hasBegun) other.again.abort(new Error("asked once more"));
          }
          if (standing.asked.size === 0) for (const go of standing.idle) go();
        },
      };
    },
  };
}

const untilIdle = ({ idle }: Standing, signal: AbortSignal): Promise<undefined> => {
  const waiting = Promise.withResolvers<undefined>();
  const go = (): void => waiting.resolve(undefined);
  idle.add(go);
  return abortable(waiting.promise, signal).finally(() => idle.delete(go));
};
