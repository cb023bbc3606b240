import { FleetError } from "../../schema/errors.js";
import type { Host } from "./host.js";

/** A host that could not be asked. It is not known to be gone: whatever runs there may run still. */
export abstract class HostNotReached extends FleetError {}

/** A host that was to be taken down and could not be asked, with the way out that the operator has. Under the reason's own code. */
export class NotKnownGone extends HostNotReached {
  constructor(host: string, holding: string, { code, summary, fix }: HostNotReached) {
    super(code, summary, {
      fix: `${fix.replace(/\.$/, "")}; if host ${host} is gone for good: LIGHTCHAIN_HOLDER_GONE=${holding} pulumi destroy`,
    });
  }
}

/** Whether the operator has said of a host by this name that it is gone for good, in whichever epoch. */
export const isSaidGone = (host: string): boolean =>
  process.env["LIGHTCHAIN_HOLDER_GONE"]?.startsWith(`${host}#`) === true;

/**
 * Whether anything of ours has to be taken off a host. One that cannot be asked counts as gone only by the operator's word.
 * @param holding what the operator would say, `<host>#<epoch>`. Default: of a host that no worker's key is known to be on
 * @throws NotKnownGone
 */
export async function isToBeCleaned(host: Host, holding = `${host.reference.name}#0`): Promise<boolean> {
  try {
    return await host.present();
  } catch (error) {
    if (error instanceof FleetError && isSaidGone(host.reference.name)) return false;
    throw error instanceof HostNotReached ? new NotKnownGone(host.reference.name, holding, error) : error;
  }
}
