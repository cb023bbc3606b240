import type { Failure } from "./shape.js";
import { isTree, type Properties } from "./values.js";

/**
 * What a stand-in does not do, it refuses: it must not look as if it had been done.
 * @param names `a.b` is one property of a block, or of each block of a list; a block that is named by itself is done whole
 */
export const done =
  (names: readonly string[]) =>
  (inputs: Properties): Failure[] =>
    undone(inputs, names, "", "");

function undone(block: Properties, names: readonly string[], within: string, at: string): Failure[] {
  return Object.entries(block).flatMap(([property, value]) => {
    const [name, place] = [within + property, at + property];
    if (names.includes(name) || value === null || value === undefined) return [];
    if (!names.some((one) => one.startsWith(`${name}.`)))
      return [{ property: place, reason: "is not done by this stand-in" }];
    if (Array.isArray(value))
      return value.flatMap((one, index) => (isTree(one) ? undone(one, names, `${name}.`, `${place}[${index}].`) : []));
    return isTree(value) ? undone(value, names, `${name}.`, `${place}.`) : [];
  });
}
