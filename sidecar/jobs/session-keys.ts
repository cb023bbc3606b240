import { hexToBytes } from "viem";
import type { Session } from "../../abi/job.js";
import type { SessionId } from "../../schema/units.js";
import type { Parts } from "../parts.js";
import { WrongKey } from "../errors.js";
import { lost, unservable } from "./endings.js";

/** Most session keys kept at a time; the oldest goes first, and is only asked for again. */
const kept = 256;

/** Keys of sessions, opened once and kept in memory only. */
export interface SessionKeys {
  /** The key of a session that is ours. @throws JobEnds, SessionAsleep */
  of(session: SessionId): Promise<Uint8Array>;
  /** The same, asked anew of the chain: keys may be rotated. */
  refreshed(session: SessionId): Promise<Uint8Array>;
  /** Overwrites them all. */
  forget(): void;
}

/** The session is between two workers; it may come back. */
export class SessionAsleep extends Error {}

/** Source: sidecar reference §2.3: the key in the session's storage counts, never an event's. */
export function createSessionKeys(parts: Pick<Parts, "ports" | "identity" | "metrics">): SessionKeys {
  const { ports, identity, metrics } = parts;
  const keys = new Map<SessionId, Uint8Array>();

  const ask = async (id: SessionId): Promise<Uint8Array> => {
    const key = open(await ports.chain.session(id));
    keys.get(id)?.fill(0);
    keys.delete(id);
    keys.set(id, key);
    const [oldest] = keys.keys();
    if (keys.size > kept && oldest !== undefined) {
      keys.get(oldest)?.fill(0);
      keys.delete(oldest);
    }
    return new Uint8Array(key);
  };
  const open = (session: Session): Uint8Array => {
    if (session.worker !== identity.worker) throw lost("its session belongs to another worker now");
    // A closed session takes no further jobs, but one that it brought before still wants its answer.
    if (session.status !== "Active" && session.status !== "Closed")
      throw new SessionAsleep(`the session is ${session.status}`);
    try {
      return ports.unwrap(hexToBytes(session.encWorkerKey));
    } catch (error) {
      if (error instanceof WrongKey)
        throw unservable("session_key_unavailable", "its session key was not wrapped for this worker", error);
      throw error;
    }
  };
  return {
    of: async (id) => {
      const key = keys.get(id);
      metrics.sessionKeys.inc({ path: key === undefined ? "chain_derive" : "cache_hit" });
      return key === undefined ? ask(id) : new Uint8Array(key);
    },
    refreshed: async (id) => {
      metrics.sessionKeys.inc({ path: "refresh" });
      return ask(id);
    },
    forget: () => {
      for (const key of keys.values()) key.fill(0);
      keys.clear();
    },
  };
}
