import type { SidecarStatus } from "../../schema/control.js";
import type { ModelName } from "../../schema/units.js";

/** The models that a sidecar was set up for and the program wants no more, each once. Pure. */
export function unwanted(
  before: { readonly models: readonly ModelName[]; readonly retiring: readonly ModelName[] },
  wanted: readonly ModelName[],
): ModelName[] {
  return [...new Set([...before.models, ...before.retiring])].filter((name) => !wanted.includes(name));
}

/**
 * Which of these models the sidecar must stay set up for, because a session may still bring a job for them. The sidecar decides; nothing is taken from one that
 * does not answer. Pure.
 */
export function stillNeeded(models: readonly ModelName[], status: SidecarStatus | undefined): ModelName[] {
  if (status === undefined) return [...models];
  return models.filter((name) => status.models.some((one) => one.name === name && one.needed));
}
