import { z } from "zod";
import type { Hash } from "../../schema/units.js";
import { impossible } from "../../schema/errors.js";
import type { hostVerbs, HostVerb } from "../../schema/host.js";
import type { HostReference } from "../worker-reference.js";
import { openDockerHost } from "./docker/transport.js";
import { statedWaySchema } from "./ssh/reference.js";
import { openLocalHost } from "./local/transport.js";
import { firstContactBySsh, openSshHost } from "./ssh/transport.js";
import { statedSsmWaySchema } from "./ssm/reference.js";
import { firstContactBySsm, openSsmHost } from "./ssm/transport.js";

/** What a caller says to a verb; the host's own name and folder are added by the transport. */
export type HostRequest<V extends HostVerb> = Omit<z.input<(typeof hostVerbs)[V]["request"]>, "root" | "host">;
export type HostReply<V extends HostVerb> = z.infer<(typeof hostVerbs)[V]["reply"]>;

/**
 * A machine, whatever the way to it. Only this interface knows how a program is run there; everybody else asks by verb.
 */
export interface Host {
  readonly reference: HostReference;
  /** Brings a bundle folder to the host, once, and has its host program answer from then on. @returns its hash */
  put(bundleFolder: string): Promise<Hash>;
  /** Runs one verb of the reconciler there. @throws FleetError with the host's own code and fix */
  call<V extends HostVerb>(verb: V, request: HostRequest<V>): Promise<HostReply<V>>;
  /** Whether something answers HTTP requests there. @param url as it is called on the host itself */
  answers(url: string): Promise<boolean>;
  /** Whether anything of ours is left there: false once the last section is gone. @param bundle whether this one is */
  present(bundle?: Hash): Promise<boolean>;
  /** How it is known that the machine itself is gone for good, where somebody can say so who is not the machine. `undefined`: it is not. Default: nobody can. */
  gone?(): Promise<string | undefined>;
  /** Stops the machine until then (Unix ms), where somebody brings it back. @returns whether it rests. Default: it never does */
  rest?(untilMs: number): Promise<boolean>;
  /**
   * Starts a machine that rests, and waits for it; not one that comes back by itself after `lastMs` (Unix ms) only. Default: none rests.
   * @returns until when it rests; `undefined`: it does not
   */
  wake?(lastMs: number): Promise<number | undefined>;
}

/** A host as a program states it. Its identity is kind, name and root; another way to it makes it no other. */
export const statedHostSchema = z
  .object({
    kind: z.enum(["local", "ssh", "ssm"]),
    name: z.string().min(1),
    root: z.string().startsWith("/", "an absolute path"),
    /** The way there, for a kind that needs one. Absent for a local host. */
    connection: statedWaySchema.optional(),
    /** The same through Systems Manager. */
    ssm: statedSsmWaySchema.optional(),
  })
  .refine(
    ({ kind, connection, ssm }) =>
      (kind === "ssh") === (connection !== undefined) && (kind === "ssm") === (ssm !== undefined),
    "a way there of its kind, or none",
  );
export type StatedHost = z.infer<typeof statedHostSchema>;

/**
 * The reference of a host that is about to be set up. A machine that is booting is waited for, and what the operator lets be learnt at the first contact is learnt.
 * @param known the host's reference from an earlier run: what was learnt then holds
 */
export async function firstContact(stated: StatedHost, known: HostReference | undefined): Promise<HostReference> {
  const { kind, name, root, connection, ssm } = stated;
  switch (kind) {
    case "local":
      return { kind, name, root };
    case "ssh":
      if (connection === undefined) throw new Error(`host ${name} was stated without the way to it`);
      return { kind, name, root, ...(await firstContactBySsh(connection, known?.kind === "ssh" ? known : undefined)) };
    case "ssm":
      if (ssm === undefined) throw new Error(`host ${name} was stated without the way to it`);
      return { kind, name, root, ...(await firstContactBySsm(ssm)) };
    default:
      return impossible(kind);
  }
}

/** Opens the transport that a reference asks for. */
export function openHost(reference: HostReference): Host {
  switch (reference.kind) {
    case "local":
      return openLocalHost(reference);
    case "ssh":
      return openSshHost(reference);
    case "ssm":
      return openSsmHost(reference);
    case "docker":
      return openDockerHost(reference);
    default:
      return impossible(reference);
  }
}
