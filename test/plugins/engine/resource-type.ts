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

/** What defaults are made of besides what is given. */
export interface Named {
  /** The resource's name in the program. */
  readonly name: string;
  /** Chance that is the same in a preview and in the run after it. */
  readonly seed: Uint8Array;
  /** The inputs of the last run, with marks; none for a resource that is new or replaces another. */
  readonly before: Properties;
}

/** How one type of resource does the real thing. Properties come in clear; what depends on a secret is marked again by the caller. */
export interface ResourceType {
  /** What it takes. */
  readonly inputs: ObjectShape;
  /** Outputs that are not known before it has run, unless they are given. */
  readonly computed: readonly string[];
  /**
   * Inputs whose change makes another resource. The SDK does not say which: taken from the provider's source. `a.b` is one property of a block: it may be left out
   * without making another.
   */
  readonly replaces: readonly string[];
  /** Inputs that stay as they are when they are left out: then it is the real thing that says what they are. Default: none. */
  readonly keptWhenLeftOut?: readonly string[];
  /** Inputs that {@link read} looks at: what it finds is what they are from then on. Default: none. */
  readonly seen?: readonly string[];
  /** Inputs as they are kept: with the provider's defaults. Marks of secrets and unknowns are in it. */
  withDefaults?(inputs: Properties, named: Named): Properties;
  /** What is wrong besides the form. */
  check?(inputs: Properties): Failure[];
  /** An input as it is compared, where two that differ may mean the same. */
  meaning?(name: string, value: unknown): unknown;
  /** More inputs that make another resource, of those that changed. */
  replacesToo?(changed: readonly string[], before: Properties, after: Properties): Promise<readonly string[]>;
  /** Whether the former one must go before the new one comes. Default: it comes first. */
  deleteBeforeReplace?(before: Properties, after: Properties): boolean;
  /** What a preview knows of the outputs; marks are in it. Default: nothing of any. @param before the state; none for one that is to be made */
  planned?(inputs: Properties, before: Properties | undefined): Properties;
  /** What the engine is to call it, of inputs and outputs together. Default: the resource's name and eight random digits. */
  idOf?(made: Properties): string;
  /** @returns the computed outputs. @throws PartlyMade when it is there and not what it should be */
  create(inputs: Properties, work: Work): Promise<Properties>;
  /** @returns the computed outputs */
  update(inputs: Properties, before: Properties, work: Work): Promise<Properties>;
  /** For a refresh. @returns the state as it is now; `undefined`: it is gone. Default: what was made is what it was */
  read?(id: string, state: Properties): Promise<Properties | undefined>;
  delete(state: Properties, work: Work): Promise<void>;
}

/** Something was made before what came next failed: the engine keeps it, so that it is not lost, and says why. */
export class PartlyMade extends Error {
  /** @param outputs what is known of the outputs, the id among them */
  constructor(
    readonly outputs: Properties,
    override readonly cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause));
  }
}
