import { asAsset, holdsUnknown, isTree, reveal, unknownValue } from "./values.js";

/** The form of an input, as an SDK's types have it. */
export type Shape =
  | "string"
  | "number"
  | "boolean"
  | "any"
  | "asset"
  | { readonly oneOf: readonly string[] }
  | { readonly list: Shape }
  | { readonly map: Shape }
  | { readonly object: ObjectShape };

/** An object's properties by name; one that may be left out has a name that ends with `?`. */
export type ObjectShape = Readonly<Record<string, Shape>>;

/** What an engine is told of an input that cannot be. */
export interface Failure {
  /** Where, for instance `connection.proxy.host`. */
  readonly property: string;
  readonly reason: string;
}

/**
 * What is wrong with the inputs of a resource. SDKs drop properties that they do not know at the top and pass them on below it: there a program's mistake
 * comes to light only here.
 */
export const whatIsWrong = (inputs: unknown, shape: ObjectShape): Failure[] => wrongIn(reveal(inputs), shape, "");

function wrongIn(value: unknown, shape: ObjectShape, path: string): Failure[] {
  if (!isTree(value)) return [{ property: path, reason: "must be an object" }];
  const at = (name: string): string => (path === "" ? name : `${path}.${name}`);
  const known = Object.keys(shape).map((name) => name.replace("?", ""));
  const strangers = Object.keys(value).filter((name) => !known.includes(name));
  return [
    ...strangers.map((name) => ({ property: at(name), reason: "is no property of this resource" })),
    ...Object.entries(shape).flatMap(([key, each]) => {
      const name = key.replace("?", "");
      const given = value[name];
      if (given !== undefined && given !== null) return wrong(given, each, at(name));
      return key.endsWith("?") ? [] : [{ property: at(name), reason: "is missing" }];
    }),
  ];
}

function wrong(value: unknown, shape: Shape, path: string): Failure[] {
  if (value === unknownValue || shape === "any") return [];
  const unless = (fits: boolean, reason: string): Failure[] => (fits ? [] : [{ property: path, reason }]);
  if (shape === "asset") return unless(asAsset(value) !== undefined, "must be an asset or archive");
  if (typeof shape === "string") return unless(typeof value === shape, `must be a ${shape}`);
  if ("oneOf" in shape)
    return unless(
      shape.oneOf.some((one) => one === value),
      `must be one of ${shape.oneOf.join(", ")}`,
    );
  if ("object" in shape) return wrongIn(value, shape.object, path);
  if ("list" in shape) {
    if (!Array.isArray(value)) return unless(holdsUnknown(value), "must be a list");
    return value.flatMap((one, index) => wrong(one, shape.list, `${path}[${index}]`));
  }
  if (!isTree(value)) return unless(false, "must be an object");
  return Object.entries(value).flatMap(([name, one]) => wrong(one, shape.map, `${path}.${name}`));
}
