import { isHeldBy } from "../../keystore/hold.js";
import type { ConvergeOutcome } from "../../lifecycle/apply.js";
import { abridged } from "../../lifecycle/abridged.js";
import { FleetError } from "../../schema/errors.js";
import type { SidecarStatus } from "../../schema/control.js";
import type { BlockTime } from "../../schema/units.js";
import { systemClock } from "../../system/clock.js";
import { openStoreHere, withRecordLock } from "../context.js";
import { openHost, type Host } from "../host/host.js";
import { HostNotReached } from "../host/unreached.js";
import { lookOut, walkOut, type Leaver } from "../keys/way-out.js";
import { holdFor, takerAt } from "../service/hold.js";
import { look, nextLookMs, troubleOf, type Look, type Patience, type Seen } from "../service/patience.js";
import { sealTo } from "../service/sealing.js";
import { ask, SidecarBlocked, SidecarInTrouble, SidecarTooSlow } from "../service/status.js";
import type { WorkerReference } from "../worker-reference.js";
import { askedOfTheChain, askForHead } from "./silent-chain.js";

/** LF1510: the worker is leaving, and it takes longer than this destroy was to wait. */
export class ExitTakesLonger extends FleetError {
  constructor(
    readonly worker: string,
    what: {
      readonly jobs: readonly { readonly id: bigint }[];
      readonly sessions: readonly { readonly id: bigint; readonly standing: string }[];
      readonly nextAt: BlockTime | null;
      /** What is waited for, in words. */
      readonly next?: string;
    },
    /** Whether its sidecar goes on leaving meanwhile; `rested`: on a machine that was stopped until then. */
    byItself: boolean | "rested",
  ) {
    const jobs = listed("job", what.jobs);
    const sessions = listed(
      "open session",
      what.sessions.filter((one) => one.standing === "open"),
    );
    const next = what.next === undefined ? "" : ` (${what.next})`;
    const keeping = [...jobs, ...sessions].join(" and ");
    const when = what.nextAt === null ? "that" : new Date(Number(what.nextAt) * 1000).toISOString();
    const [ends, goes, then] =
      what.nextAt === null
        ? ["they end", "yet", "a while later"]
        : [`${when} at the earliest`, `before ${when}`, `from ${when}`];
    super(
      "LF1510",
      keeping === ""
        ? `Worker ${worker} is leaving, and is not gone ${goes}${next}.`
        : `Worker ${worker} is leaving: ${keeping} keep it until ${ends}${next}; its stake stays locked until then.`,
      {
        fix:
          byItself === "rested"
            ? `nothing: its machine was stopped, costs no more than its disks, and comes back by itself to leave. Then, an hour after ${when}: pulumi destroy`
            : byItself
              ? `leave it running: it exits by itself. Then, ${then}: pulumi destroy`
              : `nothing serves it any more, so it does not leave by itself. Then, ${then}: pulumi destroy`,
      },
    );
  }
}

/** LF1511: the machine of a worker that is leaving rests, and comes back by itself after this destroy would have ended. */
export class StillResting extends FleetError {
  constructor(
    readonly worker: string,
    untilMs: number,
  ) {
    const when = new Date(untilMs).toISOString();
    super(
      "LF1511",
      `Worker ${worker} is leaving, and its machine is stopped until ${when}: then it comes back by itself, and leaves.`,
      {
        fix: `nothing. An hour after ${when}: pulumi destroy`,
      },
    );
  }
}

/** Things by their ids, for a person, or nothing of nothing. Pure. */
export function listed(thing: string, things: readonly { readonly id: bigint }[]): string[] {
  const ids = things.map(({ id }) => String(id));
  return ids.length === 0 ? [] : [`${thing}${ids.length === 1 ? "" : "s"} ${abridged(ids)}`];
}

/** How long a run waits by default for a worker that is in trouble (ms). */
export const defaultPatienceMs = 60_000;

/** A gateway or an Ollama that is down keeps no worker from leaving: only chain, disk and a sidecar that says nothing do. Pure. */
export const keepsFromLeaving = (code: string): boolean => !/^LF14[3467]\d$/.test(code);

/**
 * Has the worker leave the network, and waits until nothing of value is left under its key. Its sidecar does it; one that is down is started again for it. Once no
 * host holds the key any more (proven, or by the operator's word) it is done here, with the key itself. Sticky: written into the key's record first, so that no later run
 * takes it back by accident.
 *
 * @throws ExitTakesLonger LF1510 when it is not gone after `maxWaitMs`, StillResting LF1511 when its machine is back after that only, SidecarInTrouble when it got no further for `patienceMs`, HeldElsewhere LF1504 when another host,
 *   or one that cannot be asked, may still sign, ChainSilent LF1512
 */
export async function leave(worker: WorkerReference, maxWaitMs: number, patienceMs = defaultPatienceMs): Promise<void> {
  const store = openStoreHere(worker.keys.store);
  const leaver: Leaver = { store, ref: worker.keys.ref, network: worker.network };
  const { generation } = (await store.read(leaver.ref, "worker")).record;
  if (generation === 0) return; // never asked to register: there is nothing to leave
  const asking = <T>(work: () => Promise<T>): Promise<T> => askedOfTheChain({ name: worker.name, ...leaver }, work);
  // Before anything is changed, and again after a long wait: a sidecar that hears nothing of the chain would only be waited for.
  const chainAnswers = (): Promise<void> => asking(() => askForHead(worker.network));
  await chainAnswers();
  const restsUntil = await openHost(worker.host).wake?.(systemClock.now() + maxWaitMs);
  if (restsUntil !== undefined) throw new StillResting(worker.name, restsUntil);
  const server = await asking(() => serverOf(worker, leaver));
  await withRecordLock(store, leaver.ref, async () => {
    const { record, version } = await store.read(leaver.ref, "worker");
    if (!record.leaving) await store.update(leaver.ref, version, { ...record, leaving: true });
  });
  const end = systemClock.now() + maxWaitMs;
  if (server !== "nobody") {
    const patience: Patience = { ms: patienceMs, counts: keepsFromLeaving };
    const outcome = await untilGone(server, worker.name, { generation, end, patience, chainAnswers });
    if (outcome === "gone") return;
    await withRecordLock(store, leaver.ref, () => holdFor(worker, "nobody", "destroy"));
  }
  const outcome = await asking(() => walkOut(leaver, { mayWait: () => systemClock.now() < end }));
  if (outcome.kind !== "done") throw new ExitTakesLonger(worker.name, waitIn(outcome), false);
}

const waitIn = (outcome: ConvergeOutcome) => ({
  jobs: outcome.observed.jobs,
  sessions: outcome.observed.sessions,
  nextAt: outcome.kind === "waiting" && outcome.until.kind === "time" ? outcome.until.time : null,
  ...(outcome.kind === "waiting" ? { next: outcome.because } : {}),
});

/** The host whose sidecar is to leave; `nobody` when it is to be done here, which the record then says. @throws HeldElsewhere LF1504 */
async function serverOf(worker: WorkerReference, leaver: Leaver): Promise<Host | "nobody"> {
  const machine = openHost(worker.host);
  const presence = await presenceOf(machine);
  // An interrupted destroy may have left no more than the record's word that somebody holds the key.
  if (presence === "gone" && (await lookOut(leaver)).plan.steps.length === 0) return "nobody";
  return withRecordLock(leaver.store, leaver.ref, async () => {
    const { record } = await leaver.store.read(leaver.ref, "worker");
    if (presence === "there" && record.holder !== null) {
      const facts = await machine.call("facts", {});
      const here = takerAt(machine, facts);
      if (isHeldBy(record, here)) {
        const hold = await holdFor(worker, here, "destroy");
        if (hold.because !== null) {
          await sealTo(machine, facts, worker.name, hold.record);
          await machine.call("revive", { worker: worker.name });
        }
        return machine;
      }
    }
    await holdFor(worker, "nobody", "destroy");
    return "nobody";
  });
}

/** Whether anything of ours is on a host; `unknown` when it cannot be asked: then it is for the operator to say (LF1504). */
async function presenceOf(machine: Host): Promise<"there" | "gone" | "unknown"> {
  try {
    return (await machine.present()) ? "there" : "gone";
  } catch (error) {
    if (error instanceof HostNotReached) return "unknown";
    throw error;
  }
}

/** How a sidecar is waited for that leaves. */
interface Leaving {
  readonly generation: number;
  /** The longest wait ends then (ms). */
  readonly end: number;
  readonly patience: Patience;
  /** Asked before a wait is given up. @throws ChainSilent LF1512, which is then the reason */
  readonly chainAnswers: () => Promise<void>;
}

/**
 * Tells the sidecar to leave, and waits until it has. One that does not answer is started again, once, and told at once; from then on it is up to what keeps it
 * running, unless that says that it stays down.
 */
async function untilGone(machine: Host, name: string, { generation, end, patience, chainAnswers }: Leaving) {
  let seen: Seen | undefined;
  let last: SidecarStatus | undefined;
  let isTold = false;
  let isRevived = false;
  const begun = systemClock.now();
  for (; ; await systemClock.sleep(nextLookMs(systemClock.now() - begun))) {
    const now = await tell(machine, name, isTold ? undefined : generation);
    if ("status" in now) {
      isTold = true;
      last = now.status;
      if (last.mode === "gone") return "gone";
      if (last.trouble?.code === "LF1412") throw new SidecarBlocked(last.trouble); // it will not act by itself
    } else {
      isTold = false;
      if (!isRevived) await revived(machine, name);
      else if (await isProvenDead(machine, name)) return "dead";
      isRevived = true;
    }
    const trouble = troubleOf(now);
    seen = look(seen, systemClock.now(), now, patience);
    if (trouble !== null && seen.troubledMs >= patience.ms) {
      await chainAnswers();
      throw new SidecarInTrouble(name, trouble, "pulumi destroy (it goes on leaving by itself meanwhile)");
    }
    if (systemClock.now() < end) continue;
    await chainAnswers();
    if (last !== undefined) throw new ExitTakesLonger(name, last, (await rested(machine, last)) ? "rested" : true);
    const word = trouble?.summary ?? "nothing yet";
    throw new SidecarTooSlow(name, Math.round((end - begun) / 1000), word, "pulumi destroy");
  }
}

/** Tells it once to leave, then asks how far it is. Silence is everything that is no answer of a sidecar that runs. @throws SidecarBlocked when it refuses */
async function tell(
  machine: Host,
  name: string,
  generation: number | undefined,
): Promise<{ readonly status: SidecarStatus } | Extract<Look, { silence: unknown }>> {
  try {
    return {
      status: await ask(machine, name, generation === undefined ? { op: "status" } : { op: "leave", generation }),
    };
  } catch (error) {
    if (error instanceof SidecarBlocked && error.code !== "LF1425") throw error;
    if (!(error instanceof FleetError)) throw error;
    const { code, summary, fix } = error;
    return { silence: { code, summary, fix } };
  }
}

/** Less is not worth a stop and a start (s). */
const worthARest = 1_800n;
/** How long after the moment it waits for a machine is back (s): blocks do not come at once. */
const afterwards = 120n;

/**
 * Stops the machine of a worker that only waits for its jobs to be beyond dispute: quiet, so that no session can ask anything of it. Blocks have their own time, so that
 * it is the wait that counts, not the date.
 */
async function rested(machine: Host, { quiet, nextAt, block }: SidecarStatus): Promise<boolean> {
  if (machine.rest === undefined || !quiet || nextAt === null || block === null) return false;
  const wait = nextAt - block.time;
  return wait >= worthARest && machine.rest(systemClock.now() + Number(wait + afterwards) * 1_000);
}

/** A host that cannot be asked now proves nothing. */
async function isProvenDead(machine: Host, worker: string): Promise<boolean> {
  return machine.call("proofOfDeath", { worker }).then(
    ({ dead }) => dead,
    (error: unknown) => {
      if (error instanceof HostNotReached) return false;
      throw error;
    },
  );
}

/** What cannot be started again is dead for certain, or not: the proof decides. */
async function revived(machine: Host, worker: string): Promise<void> {
  await machine.call("revive", { worker }).catch((error: unknown) => {
    if (!(error instanceof FleetError)) throw error;
  });
}

/** The operator's way out when the chain cannot be asked: the stack empties, the key stays, and the stake is recovered later. */
export const skipDeregister = (): boolean => process.env["LIGHTCHAIN_SKIP_DEREGISTER"] === "1";
