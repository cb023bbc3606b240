import type { ControlReply, ParsedControlRequest, SidecarStatus } from "../schema/control.js";
import type { BlockRef, Observed } from "../lifecycle/types.js";
import { describeError } from "../schema/errors.js";
import { dailyCalls } from "./calls.js";
import { handleRequest } from "./control/requests.js";
import { statusOf } from "./control/status.js";
import { JobForfeited } from "./jobs/endings.js";
import { createJobIntake } from "./jobs/intake.js";
import { createModelServer } from "./jobs/model-server.js";
import { createOffers } from "./jobs/dispatcher-offers.js";
import { createJobRunner } from "./jobs/runner.js";
import { createSessionKeys } from "./jobs/session-keys.js";
import { createSlots } from "./jobs/slots.js";
import type { Selection } from "./ports.js";
import { createCourse, type Mode } from "./lifecycle/course.js";
import { createGasWatch } from "./lifecycle/gas-watch.js";
import { createGatewayLink } from "./lifecycle/gateway-link.js";
import { createOffences } from "./lifecycle/offences.js";
import { configuredModels, type Parts } from "./parts.js";
import { purposesOf } from "./purposes.js";
import { createAdmission } from "./sessions/admission.js";
import { createClaimer } from "./sessions/claimer.js";
import { createSettlement } from "./settlement/settlement.js";
import { checkStart } from "./startup/checks.js";
import { markHandover } from "./startup/handover.js";
import { createStaleness } from "./startup/staleness.js";

/** How a sidecar ends by itself. */
export interface SidecarEnd {
  readonly exit: 0 | 75 | 78;
  readonly because: unknown;
}

/** A worker's sidecar above its ports: given these it is deterministic. */
export interface Sidecar {
  /** Checks what can be checked and begins. @throws StartRefused, KzgUnavailable and what the chain's ports reject with */
  start(): Promise<void>;
  status(): SidecarStatus;
  /** @throws RequestRefused */
  handle(request: ParsedControlRequest): ControlReply;
  /** No claim any more, no new job; resolves when what ran is finished, or `forMs` have passed. */
  drain(forMs: number): Promise<void>;
  /** Resolves when the process should end: asked to over the control socket (0), because another holder uses the key (75), or because blobs cannot be built on this host (78). */
  readonly ended: Promise<SidecarEnd>;
  /** Ends everything; rows and transactions keep where they stood. */
  stop(): Promise<void>;
}

/** Joins the parts; nothing begins before `start`. */
export function createSidecar(parts: Parts): Sidecar {
  const { ports, journal, settings, identity, clock, time, log, metrics } = parts;
  let draining = false;
  let started = false;
  let ready = false;
  let lastForfeit: JobForfeited | null = null;
  let unsubscribe = (): void => undefined;
  let end: (how: SidecarEnd) => void = () => undefined;
  const ended = new Promise<SidecarEnd>((resolve) => (end = resolve));

  const staleness = createStaleness(parts);
  const offences = createOffences(parts);
  const gas = createGasWatch(parts);
  const server = createModelServer(parts);
  const keys = createSessionKeys(parts);
  const calls = dailyCalls(parts);
  const models = configuredModels(settings);
  const slots = createSlots(settings.jobs.maxConcurrentJobs);
  const runner = createJobRunner(
    {
      ...parts,
      ...{ models, keys, slots, server, calls, purposes: purposesOf(parts) },
      completionMs: () => (course.observed === null ? null : Number(course.observed.rules.completionTimeout) * 1_000),
      streams: () => selection() === "sortition",
      priorJobsTold: (job) => offers.priorJobs(job),
    },
    {
      completed: (id) => {
        lastForfeit = null;
        offers.ended(id, null);
        course.hurry();
        settlement.hurry();
      },
      ended: (id, ending) => {
        if (ending.end === "forfeited") lastForfeit = new JobForfeited(id, ending);
        offers.ended(id, ending.message);
        course.hurry();
      },
    },
  );
  /** How the network gives sessions out, as last read; before that it does not matter. */
  const selection = (): Selection => course.observed?.rules.mode ?? "sortition";
  const link = createGatewayLink(parts, {
    activeJobs: () => runner.active,
    // A dispatcher goes by this list; whoever claims decides by itself.
    models: () => [...models.keys()].filter((model) => selection() === "sortition" || admission.serves(model)),
  });
  const course = createCourse(parts, {
    mayAct: () => ready && staleness.trouble === null && !draining,
    server: () => (link.live ? "serving" : "standby"),
    changed: () => {
      if (course.observed !== null) {
        offences.see(course.observed);
        gas.see(course.observed, course.intent);
        if (started) void watchKey(course.observed);
      }
      adjustLink();
      metrics.claiming.set(mayClaim() ? 1 : 0);
    },
  });
  const admission = createAdmission(parts, {
    ...{ course, server, offences },
    canSettle: () => ready && staleness.trouble === null && !draining,
  });
  const intake = createJobIntake(parts, ({ job }) => runner.take(job));
  const readsJobs = (): boolean => {
    const { kind } = course.intent;
    return kind !== "nothing" && kind !== "gone" && staleness.trouble === null && !draining;
  };
  const offers = createOffers(parts, intake, { mayTake: readsJobs, active: () => runner.active });
  const claimer = createClaimer(parts, calls, {
    mayClaim: () => mayClaim(),
    serves: (model) => admission.serves(model),
    room: (pendingClaims) => admission.room(pendingClaims),
    sessionsChanged: async () => {
      await course.observe();
    },
  });
  const settlement = createSettlement(parts, {
    releasesHere: () => course.intent.kind === "serving" && course.observed?.registration != null && !draining,
    generation: () => (course.intent.kind === "serving" ? course.intent.serving.generation : 0),
    observe: () => course.observe(),
  });

  /** One key has one sender: when another turns up, this process ends, and the next one stands by. */
  const watchKey = async (observed: Observed): Promise<void> => {
    const before = staleness.trouble;
    await staleness.look(observed).catch(() => undefined); // asked again with the next look
    if (before === null && staleness.trouble !== null) end({ exit: 75, because: staleness.trouble });
  };

  const mode = (): Mode => {
    if (draining) return "draining";
    if (staleness.trouble !== null) return "standby";
    switch (course.intent.kind) {
      case "nothing":
        return "standby";
      case "serving":
        return isLive() ? "live" : "joining";
      case "leaving":
      case "gone":
        return course.intent.kind;
    }
  };
  const isLive = (): boolean => {
    const { intent, observed } = course;
    const registration = observed?.registration ?? null;
    if (intent.kind !== "serving" || registration === null || !link.live) return false;
    return intent.serving.models.every((model) => registration.eligible.includes(model));
  };
  const mayClaim = (): boolean => selection() === "sortition" && mode() === "live" && !isFull();
  /** No further session is wanted. Where a dispatcher gives sessions out, it is told so. */
  const isFull = (): boolean =>
    !admission.isOpen() || admission.room(0) === 0 || ![...models.keys()].some((model) => admission.serves(model));
  /** The gateway answers registered workers only, and answers must reach consumers for as long as sessions are open. */
  const adjustLink = (): void => {
    const registered = course.observed?.registration != null;
    const linked = registered && course.intent.kind !== "nothing" && staleness.trouble === null;
    const wantsNone = draining || course.intent.kind === "leaving" || (selection() === "dispatcher" && isFull());
    link.want({ linked, draining: wantsNone, selection: selection() });
  };

  /** One head after the other; a newer one that comes meanwhile replaces the one that waits. */
  let waiting: BlockRef | null = null;
  let reading: Promise<void> | undefined;
  const onHead = (head: BlockRef): void => {
    time.hear(head);
    waiting = head;
    reading ??= readHeads().finally(() => (reading = undefined));
  };
  /** A journal that cannot be written stops the claims until it can: nothing is done that was not written down before. */
  let toldOfDisk = false;
  const lookAtDisk = (): void => {
    journal.probe();
    const { trouble } = journal;
    if (trouble !== null && !toldOfDisk) ports.alarm.raise("LF1404", trouble.summary);
    toldOfDisk = trouble !== null;
    metrics.claiming.set(mayClaim() ? 1 : 0);
  };
  const readHeads = async (): Promise<void> => {
    for (let head = waiting; head !== null && !draining; head = waiting) {
      waiting = null;
      try {
        lookAtDisk();
        if (staleness.trouble !== null) continue;
        if (readsJobs()) await intake.read(head);
        await offers.look();
        await claimer.read(head);
      } catch (error) {
        log.warn(
          { block: head.number.toString(), reason: describeError(error) },
          "a block was not read; the next one is",
        );
      }
    }
  };

  /** Loading KZG's setup takes seconds: jobs of a former run go on meanwhile, nothing new is begun. */
  const warmUp = async (): Promise<void> => {
    try {
      await ports.blobs.warmUp();
      ready = true;
      course.hurry();
    } catch (error) {
      end({ exit: 78, because: error });
    }
  };

  const status = (): SidecarStatus =>
    statusOf({
      ...{ journal, settings, identity, course, link, mode },
      claiming: mayClaim,
      troubles: () => [
        staleness.trouble,
        journal.trouble,
        course.trouble ?? ports.chain.trouble,
        offences.trouble,
        server.trouble,
        link.trouble,
        admission.abstention,
        lastForfeit,
      ],
    });

  return {
    status,
    ended,
    start: async () => {
      metrics.maxJobs.set(settings.jobs.maxConcurrentJobs);
      time.hear(await ports.chain.head());
      if (identity.toldToLeave > Math.max(journal.leavingGeneration(), journal.leftGeneration()))
        journal.setLeaving(identity.toldToLeave);
      const observed = await course.observe();
      checkStart(parts, observed);
      await staleness.begin(observed);
      await server.look();
      await ports.transactions.recover();
      if (staleness.trouble === null) void markHandover(parts, observed);
      void warmUp();
      server.start();
      link.start();
      const listening = [ports.chain.onHead(onHead), ports.jobStream.onOffer((offer) => offers.take(offer))];
      unsubscribe = () => {
        for (const stopListening of listening) stopListening();
      };
      if (staleness.trouble === null) runner.resume();
      course.start();
      settlement.start();
      started = true;
    },
    handle: (request) =>
      handleRequest(
        parts,
        {
          status,
          told: () => course.hurry(),
          acknowledgeOffences: () => {
            offences.acknowledge();
            course.hurry();
          },
          drain: () => end({ exit: 0, because: null }),
          get isStopping() {
            return draining;
          },
        },
        request,
      ),
    drain: async (forMs) => {
      draining = true;
      adjustLink();
      log.info({ jobs: runner.active, forMs }, "draining");
      const over = new AbortController();
      await Promise.race([
        Promise.all([runner.idle(), claimer.idle()]).then(() => over.abort()),
        clock.sleep(forMs, over.signal),
      ]);
    },
    stop: async () => {
      draining = true;
      unsubscribe();
      await Promise.all([runner.stop(), course.stop(), settlement.stop(), server.stop()]);
      await reading;
      await link.stop();
      await ports.transactions.close();
      keys.forget();
    },
  };
}
