import { createHash } from "node:crypto";
import { done } from "../engine/done.js";
import { PartlyMade, type Named, type ResourceType, type Work } from "../engine/resource-type.js";
import type { ObjectShape } from "../engine/shape.js";
import { isTree, notYet, type Properties } from "../engine/values.js";
import { defaultRegion } from "./clients.js";

/** How AWS does one type of resource. Where the provider's sources are named, it is those of the Terraform provider below the real one, `internal/service/`. */
export interface AwsType {
  /** Inputs that are done besides `region`; `a.b` is one property of a block or of each block of a list. */
  readonly done: readonly string[];
  /** Outputs besides the id and `tagsAll`. */
  readonly computed: readonly string[];
  /** Schema properties with `ForceNew` besides `region`, and the file that says so. */
  readonly replaces: readonly string[];
  /** Properties that are `Computed` too: left out, they stay. */
  readonly keptWhenLeftOut?: readonly string[];
  /** Inputs that a refresh takes over. */
  readonly seen?: readonly string[];
  /** Lists whose order means nothing (`TypeSet`). */
  readonly sets?: readonly string[];
  /** Texts that are compared as the JSON they are. */
  readonly json?: readonly string[];
  /** How a resource that names itself not is called: `<name>-<7 hex>`. */
  readonly autoName?: AutoName;
  /** Other values that the bridge fills in. */
  readonly defaults?: Properties;
  readonly replacesToo?: ResourceType["replacesToo"];
  /** Makes it with one call. @returns its id */
  make(given: Properties, work: Work): Promise<string>;
  /** What makes it whole, when it has an id: waiting, parts. A failure keeps what was made. */
  finish?(id: string, given: Properties, work: Work): Promise<void>;
  /** @returns outputs, and inputs as they are there; `undefined`: it is gone */
  look(id: string, given: Properties): Promise<Properties | undefined>;
  /** Changes in place what differs from the state. Default: there is nothing to do. */
  change?(id: string, given: Properties, before: Properties, work: Work): Promise<void>;
  /** What is not there any more is as good as removed. */
  remove(id: string, state: Properties, work: Work): Promise<void>;
}

/** `pulumi-aws`, `provider/autonaming.go` and `resource_overrides.go`. */
export interface AutoName {
  readonly property: string;
  readonly longest: number;
  readonly change?: (name: string) => string;
}

/** Every property `name` that is not told otherwise. */
export const named: AutoName = { property: "name", longest: 255 };

/** Where the bridge notes which inputs it filled in itself. */
const defaultsKey = "__defaults";

const hex = 7;

/** A type as the engine meets it: its region, its name, its tags, and what a preview knows are the same for all. */
export function awsType(inputs: ObjectShape, type: AwsType): ResourceType {
  const [isRegional, isTagged] = ["region?" in inputs, "tags?" in inputs];
  const computed = ["id", ...type.computed, ...(isTagged ? ["tagsAll"] : [])];
  const outputs = (id: string, found: Properties, given: Properties): Properties => ({
    ...Object.fromEntries(type.computed.map((name) => [name, found[name]])),
    id,
    ...(isTagged ? { tagsAll: given["tags"] ?? {} } : {}),
  });
  const found = async (id: string, given: Properties): Promise<Properties> => {
    const there = await type.look(id, given);
    if (there === undefined) throw new Error(`reading ${id}: couldn't find resource`);
    return outputs(id, there, given);
  };
  return {
    inputs,
    computed,
    replaces: [...type.replaces, ...(isRegional ? ["region"] : [])],
    keptWhenLeftOut: type.keptWhenLeftOut ?? [],
    seen: [...(type.seen ?? []), ...(isTagged ? ["tags"] : [])],
    check: done([...type.done, ...(isRegional ? ["region"] : [])]),
    ...(type.replacesToo === undefined ? {} : { replacesToo: type.replacesToo }),
    withDefaults: (given, about) => withDefaults(type, given, about, isRegional),
    meaning: (name, value) => {
      if (type.sets?.includes(name) && Array.isArray(value))
        return [...(value as unknown[])].sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
      if (type.json?.includes(name)) return parsed(value);
      return name === defaultsKey ? undefined : value;
    },
    // One that was given a name and keeps it would stand in its own way (the bridge's nameRequiresDeleteBeforeReplace).
    deleteBeforeReplace: (before, after) => {
      const name = type.autoName?.property;
      if (name === undefined || (after[defaultsKey] as string[] | undefined)?.includes(name)) return false;
      return before[name] === after[name];
    },
    planned: (given, before) => {
      const known = before ?? notYet(computed, given);
      const kept = computed
        .filter((name) => name in known && !(name in given))
        .map((name) => [name, known[name]] as const);
      return { ...Object.fromEntries(kept), ...(isTagged ? { tagsAll: given["tags"] ?? {} } : {}) };
    },
    idOf: ({ id }) => String(id),
    create: async (given, work) => {
      const id = await type.make(given, work);
      try {
        await type.finish?.(id, given, work);
        return await found(id, given);
      } catch (error) {
        throw new PartlyMade({ id }, error);
      }
    },
    update: async (given, before, work) => {
      const id = String(before["id"]);
      await type.change?.(id, given, before, work);
      return found(id, given);
    },
    read: async (id, state) => {
      const there = await type.look(id, state);
      return there === undefined ? undefined : { ...state, ...there, ...(isTagged ? tagsOf(there) : {}), id };
    },
    delete: (state, work) => type.remove(String(state["id"]), state, work),
  };
}

const tagsOf = ({ tags }: Properties): Properties => (tags === undefined ? {} : { tagsAll: tags });

function withDefaults(type: AwsType, given: Properties, about: Named, isRegional: boolean): Properties {
  const defaults: Record<string, unknown> = {};
  const { autoName } = type;
  if (autoName !== undefined && given[autoName.property] === undefined && given["namePrefix"] === undefined)
    defaults[autoName.property] = nameFor(autoName, about);
  for (const [name, value] of Object.entries(type.defaults ?? {}))
    if (given[name] === undefined) defaults[name] = value;
  // The real one keeps it in the outputs alone; here it is an input, so that another region of the provider's makes another resource, as there.
  const region = isRegional && given["region"] === undefined ? { region: defaultRegion() } : {};
  return { ...given, ...defaults, ...region, [defaultsKey]: Object.keys({ ...defaults, ...region }).sort() };
}

/** A name that was made up stays. */
function nameFor({ property, longest, change = (name) => name }: AutoName, { name, seed, before }: Named): unknown {
  const wasMadeUp = (before[defaultsKey] as string[] | undefined)?.includes(property);
  if (wasMadeUp && before[property] !== undefined) return before[property];
  const chance = createHash("sha256").update(seed).update(property).digest("hex").slice(0, hex);
  const whole = change(`${name}-${chance}`);
  if (whole.length > longest)
    throw new Error(`${whole} is longer than ${longest} characters: give the resource a name`);
  return whole;
}

let counted = 0;
/** The name that was given, or one that nothing has (Terraform's `PrefixedUniqueId`): the time to the tenth of a millisecond, and a counter. */
export function uniqueName({ name, namePrefix = "terraform-" }: Properties): string {
  if (typeof name === "string") return name;
  const time = new Date().toISOString().replace(/\D/g, "").padEnd(18, "0");
  return `${String(namePrefix)}${time}${(++counted).toString(16).padStart(8, "0")}`;
}

/** The same text for the same value, however its keys are ordered. */
export function keyOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(keyOf).join()}]`;
  if (!isTree(value)) return JSON.stringify(value) ?? "";
  return `{${Object.keys(value)
    .sort()
    .map((key) => `${key}:${keyOf(value[key])}`)
    .join()}}`;
}

function parsed(value: unknown): unknown {
  try {
    return typeof value === "string" ? JSON.parse(value) : value;
  } catch {
    return value; // not known yet, or for AWS to refuse
  }
}

/** What AWS has for a text of JSON: the program's own words, as long as they mean the same. */
export const sameJson = (given: unknown, there: string | undefined): unknown =>
  there !== undefined && typeof given === "string" && keyOf(parsed(given)) === keyOf(parsed(there)) ? given : there;
