import { toFunctionSelector } from "viem";
import { addresses } from "./contracts/addresses.js";
import type { OwnerCall } from "./contracts/initialize.js";
import { OtherMode } from "./errors.js";

/** How a network gives sessions to workers: they claim them, or a dispatcher names them. */
export const networkModes = ["sortition", "dispatcher"] as const;
/** How a network gives sessions to workers. */
export type NetworkMode = (typeof networkModes)[number];

const switching = toFunctionSelector("setSortitionEnabled(bool)");

/** The mode that a set-up chose. The network's owner may have changed it since. */
export function modeOf(calls: readonly OwnerCall[]): NetworkMode {
  const call = calls.find(({ to, data }) => to === addresses.aiConfig && data.startsWith(switching));
  return call?.data.endsWith("0") === true ? "dispatcher" : "sortition";
}

/** @throws OtherMode (LF1050) when a folder was set up for another mode than the one that is asked for */
export function requireMode(dir: string, calls: readonly OwnerCall[], wanted: NetworkMode | undefined): void {
  const kept = modeOf(calls);
  if (wanted !== undefined && wanted !== kept) throw new OtherMode(dir, kept, wanted);
}
