import type { RevertName } from "../../../../../abi/revert.js";
import type { Life } from "../life.js";
import type { Call } from "../network.js";

/** What a situation ends with: the call that is refused, and the arguments its error then carries. */
export interface Refused {
  readonly call: Call;
  readonly args: readonly unknown[];
}
/** One row: who tries what (in words), the error it meets, and how to get there from a fresh network. */
export type Refusal = readonly [
  situation: string,
  error: RevertName | "Panic",
  arrange: (life: Life) => Promise<Refused>,
];

export const refused = (call: Call, ...args: readonly unknown[]): Refused => ({ call, args });
