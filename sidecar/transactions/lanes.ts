import type { Urgency } from "../ports.js";

/**
 * What may be in a pool together. A node keeps one account in one pool at a time: while a blob transaction is pending, plain ones are refused, and the reverse
 * (contracts reference §6.2). `alone` tolerates nothing beside it: a sweep takes the whole balance.
 */
export type LaneClass = "plain" | "blob" | "alone";

/** A place in a lane, from before the nonce is chosen until the transaction is decided. Leaving twice does nothing. */
export interface LaneHold {
  leave(): void;
}

/** Lets transactions of one class run together and classes take turns. */
export interface Lanes {
  /** Waits for a turn. @throws the signal's reason when it aborts before */
  enter(lane: LaneClass, urgency: Urgency, signal?: AbortSignal): Promise<LaneHold>;
  /** Takes a place without waiting: for what is in a pool already. */
  occupy(lane: LaneClass): LaneHold;
  /** How many hold a place, by class. */
  readonly inside: Readonly<Record<LaneClass, number>>;
  readonly waiting: number;
}

const rank: Record<Urgency, number> = { job: 0, claim: 1, settlement: 2 };

interface Waiter {
  readonly lane: LaneClass;
  readonly urgency: Urgency;
  readonly admit: (hold: LaneHold) => void;
}

/**
 * The rule: a class is admitted while no other holds a place. When a turn ends, the most urgent waiter (the earliest of equals) decides whose turn is next, and
 * all of its class come in with it, because one block takes them together. Whoever comes later joins a running turn only if nobody as urgent waits for another
 * class: otherwise that one would never get a turn.
 */
export function createLanes(): Lanes {
  const inside: Record<LaneClass, number> = { plain: 0, blob: 0, alone: 0 };
  const queue: Waiter[] = [];

  const occupy = (lane: LaneClass): LaneHold => {
    inside[lane]++;
    let held = true;
    return {
      leave: () => {
        if (!held) return;
        held = false;
        inside[lane]--;
        admitWaiters();
      },
    };
  };
  const isFree = (lane: LaneClass): boolean =>
    (lane !== "alone" || inside.alone === 0) &&
    (["plain", "blob", "alone"] as const).every((other) => other === lane || inside[other] === 0);
  const mayJoin = (lane: LaneClass, urgency: Urgency): boolean =>
    isFree(lane) && queue.every((waiter) => waiter.lane === lane || rank[urgency] < rank[waiter.urgency]);

  function admitWaiters(): void {
    const next = queue.reduce<Waiter | undefined>(
      (best, waiter) => (best === undefined || rank[waiter.urgency] < rank[best.urgency] ? waiter : best),
      undefined,
    );
    if (next === undefined || !isFree(next.lane)) return;
    const admitted = next.lane === "alone" ? [next] : queue.filter((waiter) => waiter.lane === next.lane);
    for (const waiter of admitted) queue.splice(queue.indexOf(waiter), 1);
    for (const waiter of admitted) waiter.admit(occupy(waiter.lane));
  }

  return {
    inside,
    get waiting() {
      return queue.length;
    },
    occupy,
    enter: (lane, urgency, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        if (mayJoin(lane, urgency)) return resolve(occupy(lane));
        const giveUp = (): void => {
          queue.splice(queue.indexOf(waiter), 1);
          admitWaiters();
          reject(signal?.reason as Error);
        };
        const waiter: Waiter = {
          lane,
          urgency,
          admit: (hold) => {
            signal?.removeEventListener("abort", giveUp);
            resolve(hold);
          },
        };
        signal?.addEventListener("abort", giveUp, { once: true });
        queue.push(waiter);
      }),
  };
}
