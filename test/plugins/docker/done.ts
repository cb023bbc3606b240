import type { Failure } from "../engine/shape.js";
import type { Properties } from "../engine/values.js";

/** What a stand-in does not do, it refuses: it must not look as if it had been done. */
export const done =
  (names: readonly string[]) =>
  (inputs: Properties): Failure[] =>
    Object.keys(inputs)
      .filter((name) => !names.includes(name))
      .map((property) => ({ property, reason: "is not done by this stand-in" }));
