import type { Failure, ObjectShape } from "./shape.js";
import type { Properties } from "./values.js";

/** What a resource works with besides its properties. */
export interface Work {
  /** Aborted when the engine cancels. */
  readonly signal: AbortSignal;
  /** A line that is shown while the resource is worked on, and gone afterwards. */
  status(text: string): void;
  /** A line that stays. */
  warn(text: string): void;
}

/** How one type of resource does the real thing. Properties come in clear; what depends on a secret is marked again by the caller. */
export interface ResourceType {
  /** What it takes. */
  readonly inputs: ObjectShape;
  /** Outputs that are no inputs: not known before it has run. */
  readonly computed: readonly string[];
  /** Inputs whose change makes another resource. The SDK does not say which: taken from the provider's source. */
  readonly replaces: readonly string[];
  /** Inputs as they are kept: with the provider's defaults. Marks of secrets and unknowns are in it. */
  withDefaults?(inputs: Properties): Properties;
  /** What is wrong besides the form. */
  check?(inputs: Properties): Failure[];
  /** What the engine is to call it, of inputs and outputs together. Default: the resource's name and eight random digits. */
  idOf?(made: Properties): string;
  /** @returns the computed outputs */
  create(inputs: Properties, work: Work): Promise<Properties>;
  /** @returns the computed outputs */
  update(inputs: Properties, before: Properties, work: Work): Promise<Properties>;
  /** For a refresh. @returns the state as it is now; `undefined`: it is gone. Default: what was made is what it was */
  read?(id: string, state: Properties): Promise<Properties | undefined>;
  delete(state: Properties, work: Work): Promise<void>;
}
