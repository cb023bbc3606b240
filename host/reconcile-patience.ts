import type { HostDocument } from "../schema/host.js";
import { stopTimeoutMs } from "./sections/service.js";

/** What a run may take beside the workers that it stops and starts (ms): a runtime, tidying, and a margin. */
const restMs = 300_000;

/**
 * How long a run waits for the others that change the same host (ms). Each worker may be what one of them is at, and they come one after another: a job that runs is let
 * finish, a new bundle has its trial, and where it fails it is stopped again and the former one has the same time. Pure.
 */
export const patienceWith = ({ workers }: HostDocument): number =>
  Object.values(workers).reduce((sum, { service, fallback }) => {
    const longest = [service, fallback].map((one) => (one === null ? 0 : stopTimeoutMs(one) + one.healthyWithinMs));
    return sum + 2 * Math.max(...longest);
  }, restMs);
