import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { MiddlewareHandler } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { z } from "zod";
import { impossible } from "../schema/errors.js";
import type { Hex } from "../schema/units.js";
import { systemClock, type Clock } from "../system/clock.js";

const hex = (pattern: RegExp, what: string) =>
  z
    .string()
    .regex(pattern, `not ${what}`)
    .transform((text): Hex => text.toLowerCase() as Hex);

/** Which transactions a `withhold` on the chain is about; every criterion given must hold, none means all transactions. */
export const transactionMatchSchema = z.strictObject({
  hash: hex(/^0x[0-9a-fA-F]{64}$/, "a transaction hash").optional(),
  from: hex(/^0x[0-9a-fA-F]{40}$/, "an address").optional(),
  to: hex(/^0x[0-9a-fA-F]{40}$/, "an address").optional(),
  /** First four bytes of the call data. */
  selector: hex(/^0x[0-9a-fA-F]{8}$/, "a selector (0x and 8 hex digits)").optional(),
  /** `blob` is EIP-4844's type 3, `plain` everything else. */
  type: z.enum(["blob", "plain"]).optional(),
});
export type TransactionMatch = z.infer<typeof transactionMatchSchema>;

/** Which HTTP requests a fault is about: method, and the beginning of the path. */
const requestMatchSchema = z.strictObject({ method: z.string().optional(), path: z.string().optional() });
/** Which JSON-RPC calls a fault is about: the method's exact name. A batch matches when one of its calls does. */
const callMatchSchema = z.strictObject({ method: z.string().optional() });

const often = {
  /** How many times it strikes before it is over. Default: until it is removed. */
  times: z.number().int().positive().optional(),
};
const struck = {
  ...often,
  /** For `delay`: how long, in ms. Default 1000. */
  delayMs: z.number().int().nonnegative().optional(),
  /** For `status`: the HTTP status that is answered. Default 503. */
  status: z.number().int().min(400).max(599).optional(),
};

/**
 * Something that goes wrong on purpose.
 *
 * - `drop`: the connection is cut without an answer.
 * - `delay`: the answer comes `delayMs` later.
 * - `status`: an HTTP error is answered instead.
 * - `hang`: nothing is answered until the fault is removed or the caller gives up.
 * - `withhold`: what was sent is taken and kept back: on the chain, transactions stay in the pool and out of blocks (`times` counts
 *   blocks); on gateway and relay, frames are accepted and not passed on; on the beacon node, blobs are left out of the answer.
 */
export const faultSchema = z.discriminatedUnion("part", [
  z.strictObject({
    part: z.literal("chain"),
    kind: z.literal("withhold"),
    match: transactionMatchSchema.optional(),
    ...often,
  }),
  z.strictObject({
    part: z.literal("rpc"),
    kind: z.enum(["drop", "delay", "status", "hang"]),
    match: callMatchSchema.optional(),
    ...struck,
  }),
  z.strictObject({ part: z.literal("ws"), kind: z.enum(["drop", "delay", "hang"]), ...struck }),
  z.strictObject({
    part: z.enum(["beacon", "gateway", "relay", "registry", "dispatcher"]),
    kind: z.enum(["drop", "delay", "status", "hang", "withhold"]),
    match: requestMatchSchema.optional(),
    ...struck,
  }),
]);
export type Fault = z.infer<typeof faultSchema>;
/** The parts of the rehearsal network that faults can be set on. `ws` is the node's WebSocket; `rpc` its HTTP endpoint. */
export type Part = Fault["part"];
/** The parts that answer HTTP requests through {@link faultMiddleware}. */
export type HttpPart = "beacon" | "gateway" | "relay" | "registry" | "dispatcher";
type FaultOf<P extends Part> =
  Extract<Fault, { part: P }> | (P extends HttpPart ? Extract<Fault, { part: HttpPart }> : never);

/** A fault that is set, and how often it struck. */
export interface ActiveFault<F extends Fault = Fault> {
  readonly id: number;
  readonly fault: F;
  /** How often it struck so far. */
  readonly struck: number;
  /** Aborts when the fault is over or removed: whoever hangs because of it may go on. */
  readonly over: AbortSignal;
}

interface Entry {
  readonly id: number;
  readonly fault: Fault;
  struck: number;
  /** Struck as often as it may; kept only for the callers that hang on it. */
  spent: boolean;
  readonly ending: AbortController;
}

/** All faults of one rehearsal network. Parts ask it at the moment when a fault could strike; without any set, asking costs nothing. */
export class Faults {
  #entries: Entry[] = [];
  #nextId = 1;
  readonly #listeners = new Set<() => void>();

  /** Sets a fault. @returns its id, for {@link remove} */
  add(fault: Fault): number {
    const id = this.#nextId++;
    this.#entries.push({ id, fault, struck: 0, spent: false, ending: new AbortController() });
    this.#changed();
    return id;
  }

  /** Ends a fault. @returns whether there was one with this id */
  remove(id: number): boolean {
    const entry = this.#entries.find((candidate) => candidate.id === id);
    if (!entry) return false;
    this.#end(entry);
    return true;
  }

  /** Ends all faults, or those of one part. @returns how many */
  clear(part?: Part): number {
    const ended = this.#entries.filter(({ fault }) => part === undefined || fault.part === part);
    for (const entry of ended) this.#end(entry);
    return ended.length;
  }

  /** What is set now, oldest first. */
  list(): ActiveFault[] {
    return this.#entries.map(view);
  }

  /** The faults that can still strike one part, oldest first. */
  on<P extends Part>(part: P): ActiveFault<FaultOf<P>>[] {
    return this.#entries
      .filter(({ fault, spent }) => fault.part === part && !spent)
      .map((entry) => view(entry) as ActiveFault<FaultOf<P>>);
  }

  /**
   * The oldest fault on `part` that `matches` accepts; it counts as having struck, and is over when that was its last time.
   */
  strike<P extends Part>(part: P, matches: (fault: FaultOf<P>) => boolean): ActiveFault<FaultOf<P>> | undefined {
    const found = this.on(part).find(({ fault }) => matches(fault));
    if (found) this.count(found.id);
    return found;
  }

  /** Counts one more strike of the fault, and ends it when that was its last. Unknown ids are ignored. */
  count(id: number): void {
    const entry = this.#entries.find((candidate) => candidate.id === id);
    if (!entry) return;
    entry.struck += 1;
    if (entry.fault.times === undefined || entry.struck < entry.fault.times) return;
    if (entry.fault.kind === "hang") entry.spent = true;
    else this.#end(entry);
  }

  /** Calls `listener` whenever a fault is set or ends. @returns a function that stops it */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #end(entry: Entry): void {
    this.#entries = this.#entries.filter((other) => other !== entry);
    entry.ending.abort();
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

const view = ({ id, fault, struck: times, ending }: Entry): ActiveFault => ({
  id,
  fault,
  struck: times,
  over: ending.signal,
});

/** How long a `delay` without `delayMs` takes, in ms. */
const DEFAULT_DELAY_MS = 1000;
/** What a `status` without a number answers. */
const DEFAULT_STATUS = 503;
/** How long a fault keeps a request (ms). */
export const delayOf = (fault: { delayMs?: number | undefined }): number => fault.delayMs ?? DEFAULT_DELAY_MS;
/** Which HTTP status a fault answers with. */
export const statusOf = (fault: { status?: number | undefined }): number => fault.status ?? DEFAULT_STATUS;

/** Whether a request is one that the fault is about. */
export const concerns = (
  fault: { match?: { method?: string | undefined; path?: string | undefined } | undefined },
  request: { method: string; path: string },
): boolean =>
  (fault.match?.method === undefined || fault.match.method.toUpperCase() === request.method.toUpperCase()) &&
  (fault.match?.path === undefined || request.path.startsWith(fault.match.path));

/** Resolves when `hanging` is over or the caller has gone. */
export const whileHanging = (hanging: AbortSignal, caller: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const either = AbortSignal.any([hanging, caller]);
    if (either.aborted) return resolve();
    either.addEventListener("abort", () => resolve(), { once: true });
  });

/**
 * Middleware through which an HTTP part suffers its `drop`, `delay`, `status` and `hang` faults. `withhold` is the part's own affair: it calls
 * {@link Faults.strike} where it would pass something on.
 */
export function faultMiddleware(faults: Faults, part: HttpPart, clock: Clock = systemClock): MiddlewareHandler {
  return async (context, next) => {
    const request = { method: context.req.method, path: context.req.path };
    const active = faults.strike(part, (fault) => fault.kind !== "withhold" && concerns(fault, request));
    if (!active) return next();
    const { fault, over } = active;
    switch (fault.kind) {
      case "drop":
        return cutConnection(context.env);
      case "status":
        return context.json(
          { code: statusOf(fault), message: "injected fault" },
          statusOf(fault) as ContentfulStatusCode,
        );
      case "delay":
        await clock.sleep(delayOf(fault), context.req.raw.signal);
        return next();
      case "hang":
        await whileHanging(over, context.req.raw.signal);
        return next();
      case "withhold":
        return next();
      default:
        return impossible(fault.kind);
    }
  };
}

/** Destroys the socket under a request. Where there is none (`app.request` in a test), the answer is an error without a status. */
function cutConnection(environment: unknown): Response {
  const socket = (environment as { incoming?: { socket: { destroy(): void } } } | undefined)?.incoming?.socket;
  socket?.destroy();
  return socket ? RESPONSE_ALREADY_SENT : Response.error();
}
