import { z } from "zod";
import { addressSchema, networkSchema } from "../schema/network.js";
import { dockerEngineSchema } from "./host/docker/engine.js";
import { sshWay } from "./host/ssh/reference.js";
import { learntSsmWay, ssmWay } from "./host/ssm/reference.js";

const hostIdentity = {
  /** The host's name; secrets are bound to it. */
  name: z.string().min(1),
  /** Absolute path of the folder that holds everything of ours on it. */
  root: z.string().min(1),
};

/** How to reach a host again at any later time. Stable: what is behind it may change. */
export const hostReferenceSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("local"), ...hostIdentity }),
  z.object({ kind: z.literal("ssh"), ...hostIdentity, ...sshWay }),
  z.object({ kind: z.literal("ssm"), ...hostIdentity, ...ssmWay, ...learntSsmWay }),
  z.object({
    kind: z.literal("docker"),
    ...hostIdentity,
    engine: dockerEngineSchema,
    /** Name of the container that the host is. */
    container: z.string().min(1),
    /** Name of the volume that is its folder. */
    volume: z.string().min(1),
  }),
]);
export type HostReference = z.infer<typeof hostReferenceSchema>;

/** Whether two references are to one host: another way to it makes it no other. */
export const isSameHost = (a: HostReference, b: HostReference): boolean =>
  a.kind === b.kind && a.name === b.name && a.root === b.root;

/** A record in a store of secrets; never the secret. */
export const keyReferenceSchema = z.object({
  /** For instance `file:/home/me/.lightchain/keys`. */
  store: z.string().min(1),
  ref: z.templateLiteral([z.enum(["worker", "treasury"]), "/", z.number().int(), "/", z.string().min(1)]),
});
export type KeyReference = z.infer<typeof keyReferenceSchema>;

/** Everything a chain resource needs to find its worker again when the program is long gone. */
export const workerReferenceSchema = z.object({
  name: z.string().min(1),
  network: networkSchema,
  keys: keyReferenceSchema,
  address: addressSchema,
  refundTo: addressSchema,
  host: hostReferenceSchema,
});
export type WorkerReference = z.infer<typeof workerReferenceSchema>;
