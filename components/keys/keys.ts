import type * as pulumi from "@pulumi/pulumi";
import type { Network } from "../../schema/network.js";
import { toPlain } from "../../schema/json.js";
import { LateResource } from "../late-resource.js";

/** Arguments of {@link Keys}. */
export interface KeysArgs {
  /** The worker's name; with the chain it names the record in the store. */
  readonly name: pulumi.Input<string>;
  /** The network the keys are for. Another network means other keys. */
  readonly network: Network;
  /** Where the secret record rests, for instance `file:/home/me/.lightchain/keys`. */
  readonly store: pulumi.Input<string>;
  /** Where stake, earnings and rest go in the end. Fixed when the keys are made; a later change is refused (LF1501). */
  readonly refundTo: pulumi.Input<string>;
  /**
   * Public half of a recovery key: 64 hex digits, what `npx fleet keys new-recovery-key` printed. The store then keeps a backup beside the record that only the
   * secret half opens, and writes it anew with each change that matters. Default: no backup.
   */
  readonly recoveryKey?: pulumi.Input<string>;
}

/**
 * A worker's keys: made inside the provider, written straight to the store. State holds the address, the public key and a reference, never a key.
 *
 * Its delete is the last net: it refuses, or leaves properly, while the chain still holds anything of the worker, and only then archives the record.
 */
export class Keys extends LateResource {
  /** On-chain address. */
  declare readonly address: pulumi.Output<string>;
  /** 65 bytes, uncompressed P-256, hex. */
  declare readonly encryptionPublicKey: pulumi.Output<string>;
  /** The record's name within the store. */
  declare readonly ref: pulumi.Output<string>;
  /** Path of the backup that is kept; empty without a `recoveryKey`. */
  declare readonly backup: pulumi.Output<string>;

  constructor(name: string, args: KeysArgs, opts?: pulumi.CustomResourceOptions) {
    const computed = { address: undefined, encryptionPublicKey: undefined, ref: undefined, backup: undefined };
    super("keys", "Keys", name, { ...args, network: toPlain(args.network), ...computed }, opts);
  }
}
