import { FleetError } from "../../schema/errors.js";
import type { ControlRequest, Problem, SidecarStatus } from "../../schema/control.js";
import { systemClock } from "../../system/clock.js";
import type { Host } from "../host/host.js";

/** LF1505: the sidecar did not come to the awaited state in time. */
export class SidecarTooSlow extends FleetError {
  constructor(worker: string, seconds: number, last: string) {
    super("LF1505", `The sidecar of worker ${worker} was not ready after ${seconds} s. Last word: ${last}`, {
      fix: "pulumi up again: it goes on where it was.",
    });
  }
}

/** A problem that the sidecar itself reported, as a coded error. */
export class SidecarBlocked extends FleetError {
  constructor(problem: Problem) {
    super(problem.code as `LF1${string}`, problem.summary, { fix: problem.fix });
  }
}

/** Asks the sidecar one thing. @throws FleetError with the sidecar's own code when it refuses */
export async function ask(machine: Host, worker: string, request: ControlRequest): Promise<SidecarStatus> {
  const reply = await machine.call("control", { worker, request });
  if (!reply.ok) throw new SidecarBlocked(reply.error);
  return reply.status;
}

/** How a wait for the sidecar goes on or ends. */
export interface WaitOptions {
  /** Default 90 s: a start loads the KZG setup. */
  readonly timeoutMs?: number;
  /** Called when the sidecar says something new. */
  readonly onProgress?: (status: SidecarStatus) => void;
}

/** Asks for the status until `reached` says yes. A sidecar that restarts meanwhile is waited for. @throws SidecarTooSlow */
export async function waitForStatus(
  machine: Host,
  worker: string,
  reached: (status: SidecarStatus) => boolean,
  options: WaitOptions = {},
): Promise<SidecarStatus> {
  const timeoutMs = options.timeoutMs ?? 90_000;
  const end = systemClock.now() + timeoutMs;
  let last = "nothing yet";
  for (;;) {
    try {
      const status = await ask(machine, worker, { op: "status" });
      if (status.next !== last) options.onProgress?.(status);
      last = status.next;
      if (reached(status)) return status;
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      last = error.message;
    }
    if (systemClock.now() >= end) throw new SidecarTooSlow(worker, Math.round(timeoutMs / 1000), last);
    await systemClock.sleep(200);
  }
}
