import Table from "cli-table3";
import type { WayOut } from "../../../components/keys/way-out.js";
import { lcai } from "../../../lifecycle/money.js";
import type { JobStanding, Observed } from "../../../lifecycle/types.js";
import { standingLines } from "../quote.js";
import { isoOf } from "./errors.js";
import type { RecoverFrom } from "./request.js";

/**
 * What recovering a worker brings back, and what stands in between, for a person. Pure.
 * @param source a backup may be older than the worker's last move
 */
export function renderRecovery({ record, observed, plan }: WayOut, source: RecoverFrom["kind"]): string {
  const table = new Table({ style: { head: [], border: [] } });
  table.push(
    ["worker", `${record.name} · ${record.address}`],
    ["comes back to", `${record.refundTo} (fixed in the record)`],
    ...standingLines(observed, plan.money, "stands in between"),
    ["held by", record.holder === null ? "nobody" : `host ${record.holder}, epoch ${record.epoch}`],
  );
  const isServedPerhaps = observed.registration !== null && record.holder === null && source === "backup";
  return [
    table.toString(),
    ...(isServedPerhaps ? [unknownHolder] : []),
    ...openSessions(observed),
    ...jobLines(observed),
  ].join("\n");
}

const unknownHolder =
  "This backup names no host that holds the key. It may be older than the worker's last move: if a sidecar still runs with the key anywhere, stop it first, " +
  "since two signers with one key replace each other's transactions.";

function openSessions(observed: Observed): string[] {
  const { registration, sessions, rules } = observed;
  const open = sessions.filter(({ standing }) => standing === "open").map(({ id }) => id.toString());
  if (registration === null || open.length === 0) return [];
  const slash = (rules.minimumStake * rules.slashBps.ack) / 10_000n;
  return [
    `${open.length} session(s) are open (${open.join(", ")}): a job may still come in one of them, and nobody answers it. Each missed one costs ` +
      `${lcai(slash)} LCAI of the stake when somebody settles it, and holds the rest up until then. Nothing can prevent that without a sidecar.`,
  ];
}

const jobLines = (observed: Observed): string[] => observed.jobs.map((job) => `job ${job.id} ${fateOf(job, observed)}`);

function fateOf(job: JobStanding, { at }: Observed): string {
  if (job.releasableAt !== null)
    return job.releasableAt <= at.time ? "is released first" : `can be disputed until ${isoOf(job.releasableAt)}`;
  if (job.state === "Disputed") return "is disputed: the worker stays until that is decided";
  if (job.state !== "Submitted" && job.state !== "Acknowledged") return `is in state ${job.state}`;
  if (job.noFaultAt !== null)
    return `was not answered by ${isoOf(job.deadline)}, and is lost: unless somebody settles it before, which costs a part of the stake, it is settled without one from ${isoOf(job.noFaultAt)}`;
  return `was to be ${job.state === "Submitted" ? "acknowledged" : "answered"} by ${isoOf(job.deadline)}, and nobody does: it is lost, and the worker stays until somebody settles it`;
}
