import { blockerFor } from "../../lifecycle/errors.js";
import { FleetError, PassedOn } from "../../schema/errors.js";
import type { ControlRequest, Problem, SidecarStatus } from "../../schema/control.js";
import { systemClock } from "../../system/clock.js";
import type { Host } from "../host/host.js";
import { look, nextLookMs, troubleOf, type Patience, type Seen } from "./patience.js";

/** LF1505: the sidecar did not come to the awaited state in time. */
export class SidecarTooSlow extends FleetError {
  constructor(worker: string, seconds: number, last: string, again = "pulumi up") {
    super("LF1505", `The sidecar of worker ${worker} was not ready after ${seconds} s. Last word: ${last}`, {
      fix: `${again} again: it goes on where it was.`,
    });
  }
}

/** A problem that the sidecar itself reported, as a coded error. */
export class SidecarBlocked extends PassedOn {}

/** Asks the sidecar one thing. @throws FleetError with the sidecar's own code when it refuses */
export async function ask(machine: Host, worker: string, request: ControlRequest): Promise<SidecarStatus> {
  const reply = await machine.call("control", { worker, request });
  if (!reply.ok) throw new SidecarBlocked(reply.error);
  return reply.status;
}

/** A trouble that stands, and that no further waiting of this run is likely to end. Under the trouble's own code. */
export class SidecarInTrouble extends FleetError {
  constructor(worker: string, { code, summary, fix }: Problem, again: string) {
    super(code as `LF1${string}`, `Worker ${worker} gets no further: ${summary}`, {
      fix: `${fix.replace(/\.$/, "")}. Then: ${again}`,
    });
  }
}

/** How a wait for the sidecar goes on or ends. */
export interface WaitOptions {
  /** Default 90 s: a start loads the KZG setup. */
  readonly timeoutMs?: number;
  /** When the wait is given up before that because of trouble. Default: never. */
  readonly patience?: Patience;
  /** The command that goes on after trouble. Default `pulumi up`. */
  readonly again?: string;
  /** Called when the sidecar says something new. */
  readonly onProgress?: (status: SidecarStatus) => void;
}

async function lookAt(machine: Host, worker: string): Promise<{ status: SidecarStatus } | { silence: Problem }> {
  try {
    return { status: await ask(machine, worker, { op: "status" }) };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return { silence: blockerFor(error) };
  }
}

/** Asks for the status until `reached` says yes. A sidecar that restarts meanwhile is waited for. @throws SidecarTooSlow, SidecarInTrouble */
export async function waitForStatus(
  machine: Host,
  worker: string,
  reached: (status: SidecarStatus) => boolean,
  options: WaitOptions = {},
): Promise<SidecarStatus> {
  const timeoutMs = options.timeoutMs ?? 90_000;
  const { patience } = options;
  const begun = systemClock.now();
  const end = begun + timeoutMs;
  let last = "nothing yet";
  let seen: Seen | undefined;
  for (;;) {
    const now = await lookAt(machine, worker);
    if ("status" in now) {
      const { status } = now;
      if (status.next !== last) options.onProgress?.(status);
      last =
        status.trouble === null ? status.next : `${status.next} (${status.trouble.code}: ${status.trouble.summary})`;
      if (reached(status)) return status;
    } else last = `${now.silence.code}: ${now.silence.summary}`;
    const trouble = troubleOf(now);
    seen = patience && look(seen, systemClock.now(), now, patience);
    if (patience && seen && trouble && seen.troubledMs >= patience.ms)
      throw new SidecarInTrouble(worker, trouble, options.again ?? "pulumi up");
    if (systemClock.now() >= end) throw new SidecarTooSlow(worker, Math.round(timeoutMs / 1000), last);
    await systemClock.sleep(nextLookMs(systemClock.now() - begun));
  }
}
