import type { PreflightLine, Wants } from "../../schema/host.js";
import type { Layout } from "../layout.js";
import type { ServiceManager } from "../services/unit.js";
import type { Answer } from "./endpoints.js";

/** What a probe may look at. */
export interface Surroundings {
  readonly layout: Layout;
  readonly services: ServiceManager;
  readonly wants: Wants;
  /** Aborted when the check has had its time. */
  readonly signal: AbortSignal;
  /** What the network's endpoints answered; asked once for all checks. */
  readonly answers: () => Promise<readonly Answer[]>;
}

/** What a check thinks of what was found. */
export type Judgement = Omit<PreflightLine, "check">;

/** One thing a machine must have. */
export interface Check<Found> {
  /** What is looked at, for a person. */
  readonly name: string;
  /** Looks at the machine, and changes nothing. */
  probe(around: Surroundings): Promise<Found>;
  /** What to think of it. Pure. */
  judge(found: Found, wants: Wants): Judgement;
}

/** A check whose findings are its own affair, as the registry holds it. */
export interface AnyCheck {
  readonly name: string;
  readonly run: (around: Surroundings) => Promise<Judgement>;
}

/** Makes a check fit for the registry. */
export const entry = <Found>(check: Check<Found>): AnyCheck => ({
  name: check.name,
  run: async (around) => check.judge(await check.probe(around), around.wants),
});

/** It is as it must be. */
export const pass = (found: string): Judgement => ({ verdict: "pass", found, fix: null, code: null });
/** A worker can serve all the same, and its operator should know. */
export const warn = (found: string, fix: string): Judgement => ({ verdict: "warn", found, fix, code: null });
/** No worker can serve so. @param code of the error that it would become later on */
export const fail = (found: string, fix: string, code: string | null = null): Judgement => ({
  verdict: "fail",
  found,
  fix,
  code,
});

/** Bytes as a person reads them: `7.6 GiB`. */
export const inGib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
