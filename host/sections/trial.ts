import { readFile } from "node:fs/promises";
import { callControl } from "../../system/control-client.js";
import type { Clock } from "../../system/clock.js";
import { FleetError } from "../../schema/errors.js";
import type { ControlReply } from "../../schema/control.js";
import type { Layout } from "../layout.js";
import { sealedFileSchema } from "../sealed-file.js";
import type { ServiceManager, UnitStatus } from "../services/unit.js";
import { whySilent } from "../sidecar-silent.js";
import { sidecarUnitName } from "./service.js";

/** LF1361: neither the new bundle nor the one before it came up. */
export class NeitherHealthy extends FleetError {
  constructor(worker: string, fresh: string, former: string) {
    super(
      "LF1361",
      `Worker ${worker} serves nobody: its new bundle did not become healthy (${fresh}), and the former one does not either (${former}).`,
      { fix: "mend what the former one says, then run pulumi up again." },
    );
  }
}

/** Where a sidecar is watched. */
export interface Watched {
  readonly layout: Layout;
  readonly services: ServiceManager;
  readonly clock: Clock;
}

/** A sidecar that has ended again by then will not come up by itself soon (ms). */
const failingMs = 15_000;
/** How long it must go on after its first answer (ms): one that answers and dies at once is not healthy. */
const steadyMs = 1_000;
/** Longest wait for one answer (ms). */
const answerMs = 5_000;

/** Whether a worker's sidecar answers at all, whatever it says. */
export const answers = async (worker: string, { layout }: Watched): Promise<boolean> =>
  (await statusOf(worker, layout))?.ok === true;

/**
 * Waits until a worker's sidecar answers on its control socket under the epoch that its secret was sealed with, and goes on running.
 * @returns why it does not, or `undefined` once it does
 */
export async function whyUnhealthy(worker: string, withinMs: number, watched: Watched): Promise<string | undefined> {
  const { layout, services, clock } = watched;
  const unit = sidecarUnitName(worker);
  const { epoch } = sealedFileSchema.parse(JSON.parse(await readFile(layout.worker(worker).sealed, "utf8")));
  const begun = clock.now();
  /** How it last was when it did not run: of one that ends again and again, that it just starts once more says nothing. */
  let down: UnitStatus | undefined;
  for (;;) {
    const reply = await statusOf(worker, layout);
    const status = await services.status(unit);
    if (status !== undefined && status.state !== "running") down = status;
    if (reply?.ok === true && reply.status.epoch === epoch && status?.state === "running") {
      await clock.sleep(steadyMs);
      const later = await services.status(unit);
      if (later?.state === "running" && later.pid === status.pid) return undefined;
    }
    const waitedMs = clock.now() - begun;
    if (waitedMs >= withinMs || isGivenUp(status, waitedMs)) {
      const why = await whySilent(worker, down ?? status, layout.worker(worker).log, undefined);
      return `${reply?.ok === true ? saysOf(reply, epoch) : why.summary} After ${(waitedMs / 1_000).toFixed(0)} s.`;
    }
    await clock.sleep(200);
  }
}

/** Whether further waiting is pointless: it refuses to run, has stopped, or ends again and again. Pure. */
export const isGivenUp = (status: UnitStatus | undefined, waitedMs: number): boolean => {
  if (status === undefined || status.state === "refused" || status.state === "stopped") return true;
  return status.state === "backing-off" && status.pid === null && waitedMs >= failingMs;
};

const saysOf = (reply: Extract<ControlReply, { ok: true }>, epoch: number): string =>
  `The sidecar answers under epoch ${reply.status.epoch}, not ${epoch}.`;

const statusOf = (worker: string, layout: Layout): Promise<ControlReply | undefined> =>
  callControl(layout.worker(worker).state, { op: "status" }, answerMs).catch(() => undefined);
