import type { ModelId } from "../../schema/units.js";
import type { ModelServer } from "../jobs/model-server.js";
import type { Course } from "../lifecycle/course.js";
import type { Offences } from "../lifecycle/offences.js";
import { configuredModels, type Parts } from "../parts.js";
import { type NothingClaimed, whyNothingIsClaimed } from "./abstention.js";
import { claimRoom, worstJobCost } from "./capacity.js";

/** Whether this worker wants another session: what claims are made by in sortition mode, and what the dispatcher is told otherwise. */
export interface Admission {
  /** Whether a job for this model would be answered now. */
  serves(model: ModelId): boolean;
  /** How many more sessions may be taken, these pending claims counted already. */
  room(pendingClaims: number): number;
  /** Whether any session is wanted now, room aside. */
  isOpen(): boolean;
  /** Why the network's rules of the moment let a serving worker take nothing; `null` when they do not forbid it. */
  readonly abstention: NothingClaimed | null;
}

/** What admission asks of the rest of the sidecar. */
export interface AdmissionSources {
  readonly course: Pick<Course, "observed" | "intent" | "answerMs">;
  readonly server: Pick<ModelServer, "ready">;
  readonly offences: Pick<Offences, "trouble">;
  /** Whether answers can be built and settled: false until KZG is loaded, while another holder shows, and while the process ends. */
  readonly canSettle: () => boolean;
}

/** Decides from what the other parts say at that moment; keeps nothing. */
export function createAdmission(
  parts: Pick<Parts, "settings" | "journal">,
  { course, server, offences, canSettle }: AdmissionSources,
): Admission {
  const { settings, journal } = parts;
  const models = configuredModels(settings);
  const abstention = (): NothingClaimed | null => {
    const { observed, intent } = course;
    if (observed?.registration == null || intent.kind !== "serving") return null;
    return whyNothingIsClaimed(observed.rules, { ...settings.jobs, ackTimeoutMs: settings.chain.ackTimeoutMs });
  };
  return {
    get abstention() {
      return abstention();
    },
    serves: (model) => {
      const name = models.get(model);
      const { intent, observed } = course;
      return (
        name !== undefined &&
        server.ready(name) &&
        intent.kind === "serving" &&
        intent.serving.models.includes(model) &&
        (observed?.registration?.eligible.includes(model) ?? false)
      );
    },
    room: (pendingClaims) => {
      const { observed } = course;
      if (observed === null) return 0;
      const { gasPriceMultiplierBps, maxBlobGasPriceWei } = settings.chain;
      return claimRoom({
        slots: settings.jobs.maxConcurrentJobs,
        budgetMs: Number(observed.rules.completionTimeout) * 1_000 - settings.jobs.settleReserveMs,
        answerMs: course.answerMs,
        openSessions: observed.sessions.filter(({ standing }) => standing === "open").length,
        pendingClaims,
        networkLimit: observed.rules.maxConcurrentJobs,
        balance: observed.balance,
        jobCost: worstJobCost(observed.gasPrice, gasPriceMultiplierBps, BigInt(maxBlobGasPriceWei)),
      });
    },
    isOpen: () =>
      canSettle() &&
      course.observed !== null &&
      course.intent.kind === "serving" &&
      abstention() === null &&
      offences.trouble === null &&
      journal.trouble === null,
  };
}
