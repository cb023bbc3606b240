import type { ModelName } from "../../schema/units.js";
import type { Logger } from "../../system/log.js";

/** What is asked of Ollama. */
export interface PlacesPorts {
  /** Whether the model is loaded now. */
  readonly isLoaded: (model: ModelName) => Promise<boolean>;
  /** Whether a word to the model is answered before long. */
  readonly answers: (model: ModelName) => Promise<boolean>;
  readonly unload: (model: ModelName) => Promise<void>;
  readonly log: Logger;
}

/** The places in which Ollama answers: a few for each model, by default one. */
export interface Places {
  /** Sees to it that the model answers, where that is in doubt; resolves at once where it is not. */
  free(model: ModelName): Promise<void>;
  /** Counts an answer. @returns to be called at its end, with whether it was read to the last line */
  occupy(model: ModelName): (isWhole: boolean) => void;
}

/**
 * Ollama may keep the place of a client that goes away in the middle of an answer, for ever: whoever asks next is not answered any more, while the server lists its
 * models as ever (ollama/ollama#17131; one break in twenty). A model that is unloaded gives all its places back. So after an answer that was broken off, by us or by the
 * process before us, the model is asked for one word first, and unloaded where it does not say it.
 */
export function createPlaces({ isLoaded, answers, unload, log }: PlacesPorts): Places {
  /** Models that have answered since this process began, and of which nothing was broken off since. */
  const sound = new Set<ModelName>();
  const running = new Map<ModelName, number>();
  const looks = new Map<ModelName, Promise<void>>();
  const add = (model: ModelName, count: number): void => void running.set(model, (running.get(model) ?? 0) + count);

  const look = async (model: ModelName): Promise<void> => {
    if ((await isLoaded(model)) && !(await answers(model))) {
      log.warn(
        { event: "ollama.freed", model },
        "Ollama keeps the place of an answer that was broken off; the model is loaded anew",
      );
      await unload(model);
    }
    sound.add(model);
  };
  return {
    free: async (model) => {
      // The word would wait behind one of ours that is being answered.
      if (sound.has(model) || (running.get(model) ?? 0) > 0) return;
      const looking = looks.get(model) ?? look(model).finally(() => looks.delete(model));
      looks.set(model, looking);
      await looking;
    },
    occupy: (model) => {
      add(model, 1);
      return (isWhole) => {
        add(model, -1);
        if (!isWhole) sound.delete(model);
      };
    },
  };
}
