import type { SessionRequest } from "../../abi/job.js";
import type { BlockRef } from "../../lifecycle/types.js";
import { describeError } from "../../schema/errors.js";
import type { ModelId, RequestId } from "../../schema/units.js";
import type { DailyCalls } from "../calls.js";
import { configuredModels, type Parts } from "../parts.js";

/** Most requests asked about at once. */
const atOnce = 8;

/** Finds open requests and claims what this worker can serve. */
export interface Claimer {
  /** Reads new requests up to this head and evaluates every one that is pending. */
  read(head: BlockRef): Promise<void>;
  /** Claims under way, or won and not yet a session that was counted. */
  readonly pendingClaims: number;
  /** Resolves when no claim is under way. */
  idle(): Promise<void>;
}

/** What the claimer asks the rest of the sidecar. */
export interface ClaimPolicy {
  /** Whether any claim may be made now. */
  mayClaim(): boolean;
  /** Whether this model would be answered now. */
  serves(model: ModelId): boolean;
  /** How many more sessions may be claimed, these pending ones counted already. */
  room(pendingClaims: number): number;
  /** A claim became a session: count the open ones anew. */
  sessionsChanged(): Promise<void>;
}

/** Source: sidecar reference §6.3. Whether a claim is allowed is the contract's word (`eligibleNow`); whether it is wise is ours. */
export function createClaimer(
  parts: Pick<Parts, "ports" | "journal" | "settings" | "identity" | "time" | "log" | "metrics">,
  calls: DailyCalls,
  policy: ClaimPolicy,
): Claimer {
  const { ports, journal, settings, identity, time, log, metrics } = parts;
  const configured = configuredModels(settings);
  /** Requests that may still be claimed, and the blocks they were made in. */
  const pending = new Map<RequestId, bigint>();
  const capabilities = new Map<RequestId, bigint>();
  const underway = new Map<RequestId, Promise<void>>();
  let lookedBack = false;

  const discover = async (head: BlockRef): Promise<void> => {
    const cursor = journal.cursor("requests");
    const lookback = BigInt(settings.chain.claimLookbackBlocks);
    const oldest = head.number > lookback ? head.number - lookback : 0n;
    // Once per process everything in the look-back: what was pending is not kept, and an older request has most likely expired.
    const from = cursor === undefined || !lookedBack || cursor < oldest ? oldest : cursor + 1n;
    if (from <= head.number)
      for (const { request, model, block } of await ports.chain.requestsBetween(from, head.number))
        if (configured.has(model)) pending.set(request, block);
    for (const [id, block] of pending) if (block < oldest) forget(id); // nobody looks at them while there is no room
    lookedBack = true;
    if (cursor === undefined || head.number > cursor) journal.moveCursor("requests", head.number);
  };

  /** @returns whether it can be claimed now; what never will be is forgotten */
  const evaluate = async (id: RequestId): Promise<boolean> => {
    const request = await ports.chain.request(id);
    if (request.status !== "Open" || request.expiry < time.now() || !configured.has(request.modelId)) return forget(id);
    if (!policy.serves(request.modelId)) return false;
    if (!(await isCapable(id))) return forget(id);
    return ports.chain.eligibleNow(id);
  };
  const forget = (id: RequestId): false => {
    pending.delete(id);
    capabilities.delete(id);
    return false;
  };
  const isCapable = async (id: RequestId): Promise<boolean> => {
    const required = capabilities.get(id) ?? (await ports.chain.requiredCapabilities(id).catch(() => 0n));
    capabilities.set(id, required);
    return required === 0n || (required & (await ports.chain.ownCapabilities())) === required;
  };

  const claim = async (id: RequestId): Promise<void> => {
    const call = calls.claim(id);
    if (call === null) return;
    journal.claim(id, "claiming");
    let won = false;
    try {
      const mined = await ports.transactions.send(call, undefined, "claim");
      won = mined.status === "success";
    } catch (error) {
      log.debug({ request: id.toString(), reason: describeError(error) }, "a claim was not sent");
      won = await isOurs(id);
    }
    journal.claim(id, won ? "claimed" : "lost");
    metrics.claims.inc({ outcome: won ? "won" : "lost" });
    if (won) log.info({ request: id.toString() }, "session request claimed");
    else log.debug({ request: id.toString() }, "session request lost");
  };
  const isOurs = async (id: RequestId): Promise<boolean> =>
    (await ports.chain.request(id).catch((): Pick<SessionRequest, "worker"> => ({ worker: null }))).worker ===
    identity.worker;

  const startClaim = (id: RequestId): void => {
    forget(id);
    const claiming = claim(id)
      .catch((error: unknown) => log.error({ request: id.toString(), err: error }, "a claim failed"))
      .finally(() => underway.delete(id));
    underway.set(id, claiming);
  };

  /** Follows claims of ours to their session, those of a former run included. */
  const follow = async (): Promise<void> => {
    for (const id of journal.claims("claiming").filter((claiming) => !underway.has(claiming))) {
      const request = await ports.chain.request(id);
      if (request.worker === identity.worker) journal.claim(id, "claimed");
      else if (request.status !== "Open" || request.expiry < time.now()) journal.claim(id, "lost");
      else if (!pending.has(id)) pending.set(id, time.head?.number ?? 0n);
    }
    const settled: RequestId[] = [];
    for (const id of journal.claims("claimed")) {
      const request = await ports.chain.request(id);
      const over = request.status === "Ready" || request.status === "Expired" || request.expiry < time.now();
      if (over || request.worker !== identity.worker) settled.push(id);
    }
    if (settled.length === 0) return;
    await policy.sessionsChanged();
    for (const id of settled) journal.claim(id, "adopted");
  };

  const pendingClaims = (): number => new Set([...underway.keys(), ...journal.claims("claimed")]).size;

  return {
    read: async (head) => {
      await follow();
      if (!policy.mayClaim()) return;
      await discover(head);
      const candidates = [...pending.keys()].filter((id) => !underway.has(id));
      for (let at = 0; at < candidates.length && policy.room(pendingClaims()) > 0; at += atOnce) {
        const batch = candidates.slice(at, at + atOnce);
        const verdicts = await Promise.all(batch.map((id) => evaluate(id).catch(() => false)));
        for (const [index, id] of batch.entries())
          if (verdicts[index] === true && policy.mayClaim() && policy.room(pendingClaims()) > 0) startClaim(id);
      }
    },
    get pendingClaims() {
      return pendingClaims();
    },
    idle: async () => {
      await Promise.all(underway.values());
    },
  };
}
