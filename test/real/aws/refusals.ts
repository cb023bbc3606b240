import { refusalTo, type Handler } from "./call.js";

/** Calls that are refused; what is left out is any. */
export interface Refused {
  readonly service?: string;
  readonly action?: string;
  readonly region?: string;
}

/** What AWS refuses, whoever asks: an account that is let into no region, an API that is too busy, credentials that have expired. Of calls whose body tells what they ask. */
export interface Refusals {
  /** Answers such calls with this code, from now on and each time that they are tried. */
  refuse(which: Refused, code: string): void;
  /** Refuses nothing more. */
  allowAll(): void;
  readonly answer: Handler;
}

/** None yet. */
export function makeRefusals(): Refusals {
  let refused: (Refused & { readonly code: string })[] = [];
  return {
    refuse: (which, code) => void refused.push({ ...which, code }),
    allowAll: () => void (refused = []),
    answer: async (call) => {
      const found = refused.find(
        ({ service, action, region }) =>
          (service ?? call.service) === call.service &&
          (action ?? call.action) === call.action &&
          (region ?? call.region) === call.region,
      );
      return found && refusalTo(call, found.code, "as AWS says it");
    },
  };
}
