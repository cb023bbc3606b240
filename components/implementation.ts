import type * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { FleetError } from "../schema/errors.js";
import { toPlain } from "../schema/json.js";
import { coded } from "./coded.js";
import { inFlight } from "./engine-watch.js";
import { inTurn } from "./turn.js";
import type { KeyReference } from "./worker-reference.js";

/** What Pulumi's dynamic provider calls; values are plain JSON as they rest in state. */
export interface Implementation {
  check(olds: unknown, news: unknown): Promise<pulumi.dynamic.CheckResult>;
  diff(id: string, olds: unknown, news: unknown): Promise<pulumi.dynamic.DiffResult>;
  create(inputs: unknown): Promise<pulumi.dynamic.CreateResult>;
  read(id: string, props: unknown): Promise<pulumi.dynamic.ReadResult>;
  update(id: string, olds: unknown, news: unknown): Promise<pulumi.dynamic.UpdateResult>;
  delete(id: string, props: unknown): Promise<void>;
}

/** A resource in typed terms. State is always `inputs` plus `computed`, so that a delete has everything it needs. */
export interface ResourceSpec<Inputs extends z.ZodObject, Computed extends z.ZodObject> {
  readonly inputs: Inputs;
  readonly computed: Computed;
  /** Dotted paths into the inputs that say which thing this is. A change makes another one of it. */
  readonly identity: readonly string[];
  /** Whether the other one is made while the old one is still there, which goes last. Default: the old is deleted first, since both would be one worker. */
  readonly overlaps?: boolean;
  /** Inputs that only say where this checkout found something: another value alone is no change. Default: none. */
  readonly incidental?: readonly string[];
  /** The worker's record, for what only one run at a time may do with a worker; see {@link inTurn}. Default: nothing is waited for. */
  turnOf?(inputs: z.infer<Inputs>): KeyReference;
  create(inputs: z.infer<Inputs>): Promise<Created<z.infer<Computed>>>;
  /** Whether what is out there no longer matches although the inputs do, incidental ones aside. Called on every `up` and preview: must be cheap. */
  drifted?(state: z.infer<Inputs> & z.infer<Computed>, news: z.infer<Inputs>): Promise<boolean>;
  update(news: z.infer<Inputs>, olds: z.infer<Inputs> & z.infer<Computed>): Promise<z.infer<Computed>>;
  /** For `refresh`. `undefined`: it is gone. Default: unchanged. */
  read?(state: z.infer<Inputs> & z.infer<Computed>): Promise<z.infer<Computed> | undefined>;
  delete(state: z.infer<Inputs> & z.infer<Computed>): Promise<void>;
}
/** What a create came to. */
export interface Created<Computed> {
  /** Deterministic: the same inputs name the same thing. */
  readonly id: string;
  readonly computed: Computed;
}

/** Thrown by a create or update that got far enough to be remembered: Pulumi records the resource, and the next `up` continues it. */
export class PartlyDone extends Error {
  constructor(
    readonly id: string,
    readonly computed: Record<string, unknown>,
    readonly reason: FleetError,
  ) {
    super(reason.message);
  }
}

/**
 * What Pulumi passes for a value that a preview cannot know yet. Importing it would drag Pulumi into every provider process; a test holds it equal to
 * `pulumi.runtime.unknownValue`.
 */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Wraps a spec so that values are checked once at this edge, and people's mistakes come out as one coded line without a stack. */
export function implement<Inputs extends z.ZodObject, Computed extends z.ZodObject>(
  spec: ResourceSpec<Inputs, Computed>,
): Implementation {
  const stateSchema = z.intersection(spec.inputs, spec.computed);
  const parseState = (props: unknown): z.infer<Inputs> & z.infer<Computed> =>
    stateSchema.parse(known(props, [...Object.keys(spec.inputs.shape), ...Object.keys(spec.computed.shape)]));
  const parseInputs = (news: unknown): z.infer<Inputs> =>
    spec.inputs.parse(known(news, Object.keys(spec.inputs.shape)));
  const alone = <T>(inputs: z.infer<Inputs>, work: () => Promise<T>): Promise<T> =>
    spec.turnOf === undefined ? work() : inTurn(spec.turnOf(inputs), work);
  const outs = (news: unknown, computed: z.infer<Computed>): Record<string, unknown> => ({
    ...known(news, Object.keys(spec.inputs.shape)),
    ...(toPlain(computed) as Record<string, unknown>),
  });

  return {
    check: async (_olds, news) => {
      if (hasUnknown(news)) return { inputs: news };
      const parsed = spec.inputs.safeParse(known(news, Object.keys(spec.inputs.shape)));
      if (parsed.success) return { inputs: news };
      return {
        inputs: news,
        failures: parsed.error.issues.map((issue) => ({ property: issue.path.join("."), reason: issue.message })),
      };
    },
    diff: (_id, olds, news) =>
      plainErrors(async () => {
        const telling = Object.keys(spec.inputs.shape).filter((key) => !(spec.incidental ?? []).includes(key));
        const changed = telling.filter((key) => !same(field(olds, key), field(news, key)));
        const moved = spec.identity.filter((path) => !same(at(olds, path), at(news, path)));
        const replaces = moved.map((path) => path.split(".")[0] ?? path);
        const drifted =
          changed.length === 0 &&
          spec.drifted !== undefined &&
          (await spec.drifted(parseState(olds), parseInputs(news)));
        return { changes: changed.length > 0 || drifted, replaces, deleteBeforeReplace: spec.overlaps !== true };
      }),
    create: (news) =>
      plainErrors(async () => {
        const wanted = parseInputs(news);
        const { id, computed } = await alone(wanted, () => spec.create(wanted));
        return { id, outs: outs(news, computed) };
      }, news),
    read: (id, props) =>
      plainErrors(async () => {
        const state = parseState(props);
        const computed = spec.read === undefined ? state : await spec.read(state);
        if (computed === undefined) return {};
        const inputs = known(props, Object.keys(spec.inputs.shape));
        return {
          id,
          props: outs(props, spec.computed.parse(known(toPlain(computed), Object.keys(spec.computed.shape)))),
          inputs,
        };
      }),
    update: (_id, olds, news) =>
      plainErrors(async () => {
        const [wanted, before] = [parseInputs(news), parseState(olds)];
        return { outs: outs(news, await alone(wanted, () => spec.update(wanted, before))) };
      }, news),
    delete: (_id, props) =>
      plainErrors(() => {
        const state = parseState(props);
        return alone(state, () => spec.delete(state));
      }),
  };
}

/** Pulumi prints an error's stack; a {@link FleetError} has said everything in its one line. */
async function plainErrors<T>(work: () => Promise<T>, news?: unknown): Promise<T> {
  try {
    return await inFlight(work);
  } catch (thrown) {
    const error = coded(thrown);
    if (error instanceof PartlyDone) {
      throw Object.assign(plain(error.message), {
        id: error.id,
        properties: { ...(news as Record<string, unknown>), ...(toPlain(error.computed) as Record<string, unknown>) },
        reasons: [error.message],
      });
    }
    if (error instanceof FleetError) throw plain(error.message);
    throw error;
  }
}
function plain(message: string): Error {
  const error = new Error(message);
  error.stack = message;
  return error;
}

const at = (props: unknown, path: string): unknown =>
  path
    .split(".")
    .reduce<unknown>((value, key) => (value === undefined || value === null ? undefined : field(value, key)), props);
const field = (props: unknown, key: string): unknown => (props as Record<string, unknown>)[key];
const known = (props: unknown, keys: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(keys.map((key) => [key, field(props, key)] as const).filter(([, value]) => value !== undefined));
const same = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b);
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, item: unknown): unknown =>
    item !== null && typeof item === "object" && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
const hasUnknown = (value: unknown): boolean =>
  value === unknownValue || (value !== null && typeof value === "object" && Object.values(value).some(hasUnknown));
