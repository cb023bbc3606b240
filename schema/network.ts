import { getAddress, isAddress } from "viem";
import { z } from "zod";
import type { Address } from "./units.js";

/** A checksummed address; accepts any valid spelling and refuses a wrong checksum. */
export const addressSchema = z
  .string()
  .refine((text) => isAddress(text), "not an address (0x and 40 hex digits, right checksum)")
  .transform((text): Address => getAddress(text));

const httpUrl = z.url({ protocol: /^https?$/ });
const webSocketUrl = z.url({ protocol: /^wss?$/ });

/**
 * A network a worker can live on: an entry of the networks table (`abi/networks.ts`) or the `network.json` of a devnet. Only the WorkerRegistry
 * has to be known; the other contracts are read from it (contracts reference §1, bootstrap rule).
 */
export const networkSchema = z.object({
  /** Short name: `testnet`, `mainnet`, `devnet`, or one of your own. */
  name: z.string().min(1),
  /** EIP-155 chain id; checked against the node before anything is sent. */
  chainId: z.number().int().positive(),
  endpoints: z.object({
    /** Execution node, JSON-RPC over HTTP. */
    rpc: httpUrl,
    /** Execution node, JSON-RPC over WebSocket, for pushed heads. Default: none, heads are polled. */
    ws: webSocketUrl.optional(),
    /** Beacon node, for blobs. */
    beacon: httpUrl,
    /** Worker gateway: login, heartbeat, answers. */
    gateway: httpUrl,
    /** Relay on which consumers receive answers. Workers never use it. */
    relay: webSocketUrl.optional(),
    /** Where consumers ask for a worker in dispatcher mode. Workers never use it. */
    dispatcher: httpUrl.optional(),
    /** Registry that Ollama pulls models from. Default: Ollama's own. */
    modelRegistry: httpUrl.optional(),
    /** Block explorer, for links shown to people. */
    explorer: httpUrl.optional(),
  }),
  contracts: z.object({
    workerRegistry: addressSchema,
    /** Pins; each is compared with what the chain answers, and a difference is an error. */
    jobRegistry: addressSchema.optional(),
    aiConfig: addressSchema.optional(),
    sessionManager: addressSchema.optional(),
  }),
});
export type Network = z.infer<typeof networkSchema>;

/** A network as a person writes one: a field that there is none of is most likely a misspelt one, and refused. */
export const writtenNetworkSchema = networkSchema
  .extend({ endpoints: networkSchema.shape.endpoints.strict(), contracts: networkSchema.shape.contracts.strict() })
  .strict();
