import type { SessionId } from "../../schema/units.js";

/** Passes frames on to whoever listens to their session, and keeps them for those who come later. */
export interface Relay {
  /** Passes a frame's text on, unchanged. */
  publish(session: SessionId, text: string): void;
  /** The kept frames of a session, oldest first. */
  frames(session: SessionId): readonly string[];
  /** Delivers the kept frames at once and then each new one. @returns a function that ends it */
  subscribe(session: SessionId, deliver: (text: string) => void): () => void;
}

/** How much a relay keeps: the oldest beyond it is forgotten. */
export interface RelayLimits {
  /** Default 4096. */
  readonly framesPerSession?: number;
  /** Default 1000. */
  readonly sessions?: number;
}

/** An empty relay. */
export function createRelay({ framesPerSession = 4096, sessions = 1000 }: RelayLimits = {}): Relay {
  const kept = new Map<SessionId, string[]>();
  const listeners = new Map<SessionId, Set<(text: string) => void>>();
  return {
    publish: (session, text) => {
      const frames = kept.get(session) ?? [];
      frames.push(text);
      if (frames.length > framesPerSession) frames.shift();
      kept.delete(session); // so that the map's order is by last use
      kept.set(session, frames);
      for (const idle of kept.keys()) {
        if (kept.size <= sessions) break;
        kept.delete(idle);
      }
      for (const deliver of listeners.get(session) ?? []) deliver(text);
    },
    frames: (session) => [...(kept.get(session) ?? [])],
    subscribe: (session, deliver) => {
      for (const text of kept.get(session) ?? []) deliver(text);
      const group = listeners.get(session) ?? new Set();
      listeners.set(session, group.add(deliver));
      return () => {
        group.delete(deliver);
        if (group.size === 0) listeners.delete(session);
      };
    },
  };
}
