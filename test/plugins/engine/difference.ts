import type { ResourceType } from "./resource-type.js";
import { isTree, same, type Properties } from "./values.js";

/** What of a resource's inputs is not what it was, and what follows. */
export interface Difference {
  readonly changed: readonly string[];
  /** Those of them that make another resource. */
  readonly replaces: readonly string[];
  readonly deleteBeforeReplace: boolean;
}

/** Compares inputs with inputs: what the state holds besides is the provider's own. */
export async function difference(
  type: ResourceType,
  before: Properties,
  after: Properties,
  ignored: readonly string[],
): Promise<Difference> {
  const meaning = (name: string, value: unknown): unknown =>
    value === undefined || type.meaning === undefined ? value : type.meaning(name, value);
  const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) =>
      !ignored.includes(name) &&
      !(after[name] === undefined && type.keptWhenLeftOut?.includes(name)) &&
      !same(meaning(name, before[name]), meaning(name, after[name])),
  );
  const always = changed.filter((name) => type.replaces.some((one) => makesAnother(one, name, before, after)));
  const sometimes = (await type.replacesToo?.(changed, before, after)) ?? [];
  const replaces = [...new Set([...always, ...sometimes])];
  const deleteBeforeReplace = replaces.length > 0 && (type.deleteBeforeReplace?.(before, after) ?? false);
  return { changed, replaces, deleteBeforeReplace };
}

/** Whether it is this input, or something in it that changed. */
function makesAnother(replacing: string, name: string, before: Properties, after: Properties): boolean {
  if (!replacing.startsWith(`${name}.`)) return replacing === name;
  const within = replacing.split(".");
  const value = valueAt(after, within);
  return value !== undefined && !same(valueAt(before, within), value);
}

const valueAt = (tree: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, name) => (isTree(value) ? value[name] : undefined), tree);
