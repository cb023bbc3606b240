import type { z } from "zod";
import type { Hash } from "../../schema/units.js";
import { impossible } from "../../schema/errors.js";
import type { hostVerbs, HostVerb } from "../../schema/host.js";
import type { HostReference } from "../worker-reference.js";
import { openDockerHost } from "./docker-transport.js";
import { openLocalHost } from "./local-transport.js";

/** What a caller says to a verb; the host's own name and folder are added by the transport. */
export type HostRequest<V extends HostVerb> = Omit<z.input<(typeof hostVerbs)[V]["request"]>, "root" | "host">;
export type HostReply<V extends HostVerb> = z.infer<(typeof hostVerbs)[V]["reply"]>;

/**
 * A machine, whatever the way to it. Only this interface knows how a program is run there; everybody else asks by verb.
 */
export interface Host {
  readonly reference: HostReference;
  /** Brings a bundle folder to the host, once. @returns its hash */
  put(bundleFolder: string): Promise<Hash>;
  /** Runs one verb of the reconciler there. @throws FleetError with the host's own code and fix */
  call<V extends HostVerb>(verb: V, request: HostRequest<V>): Promise<HostReply<V>>;
  /** Whether something answers HTTP requests there. @param url as it is called on the host itself */
  answers(url: string): Promise<boolean>;
  /** Whether anything of ours is left there: false once the last section is gone. */
  present(): Promise<boolean>;
}

/** Opens the transport that a reference asks for. */
export function openHost(reference: HostReference): Host {
  switch (reference.kind) {
    case "local":
      return openLocalHost(reference);
    case "docker":
      return openDockerHost(reference);
    default:
      return impossible(reference);
  }
}
