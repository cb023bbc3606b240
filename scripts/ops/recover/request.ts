import { parseGwei } from "viem";
import { quoted } from "../../../components/chain/silent-chain.js";
import { parseRef } from "../../../keystore/record-codec.js";
import type { RecordRef } from "../../../keystore/store.js";
import { RecoverUnclear } from "./errors.js";

/** What `fleet recover` is given. */
export interface RecoverOptions {
  readonly backup?: string;
  /** Secret half of the recovery key: a file. */
  readonly with?: string;
  readonly store?: string;
  readonly ref?: string;
  readonly network: string;
  readonly rpc?: string;
  readonly holderGone?: string;
  readonly yes?: boolean;
  readonly wait?: boolean;
  /** Most that is paid for a unit of gas, in gwei. */
  readonly maxGasPrice?: string;
}

/** Where the record comes from: a backup, into a store (default: one that is made for it), or a store that has it. */
export type RecoverFrom =
  | { readonly kind: "backup"; readonly backup: string; readonly with: string; readonly store: string | undefined }
  | { readonly kind: "store"; readonly store: string; readonly ref: RecordRef };

/** Reads the options as what is meant. Pure. @throws RecoverUnclear LF1620 */
export function recoverFrom({ backup, with: key, store, ref }: RecoverOptions): RecoverFrom {
  if (backup !== undefined && ref === undefined) {
    if (key === undefined)
      throw new RecoverUnclear(`${backup} opens only with the recovery key`, "name the key's file with --with FILE.");
    return { kind: "backup", backup, with: key, store };
  }
  if (backup === undefined && store !== undefined && ref !== undefined)
    return { kind: "store", store, ref: workerRef(ref) };
  throw new RecoverUnclear(
    "it takes a backup or a store's record",
    "npx fleet recover --backup FILE --with RECOVERY_KEY_FILE --network NAME, or: npx fleet recover --store URL --ref worker/CHAIN/NAME --network NAME",
  );
}

/** The most that is paid for a unit of gas, in wei; `undefined`: what is usual. Pure. @throws RecoverUnclear LF1620 */
export function maxGasPriceOf({ maxGasPrice }: Pick<RecoverOptions, "maxGasPrice">): bigint | undefined {
  if (maxGasPrice === undefined) return undefined;
  if (!/^\d{1,9}(\.\d{1,9})?$/.test(maxGasPrice) || parseGwei(maxGasPrice) === 0n)
    throw new RecoverUnclear(
      `"${maxGasPrice}" is no price of gas`,
      "give it in gwei, for instance --max-gas-price 250.",
    );
  return parseGwei(maxGasPrice);
}

function workerRef(ref: string): RecordRef {
  const fix = "name it as worker/<chain id>/<name>, for instance worker/8200/home.";
  try {
    const { kind, chainId, name } = parseRef(ref);
    if (kind === "worker") return `worker/${chainId}/${name}`;
  } catch (error) {
    throw new RecoverUnclear(`"${ref}" names no worker's record`, fix, error);
  }
  throw new RecoverUnclear(`${ref} is a treasury; only a worker has a stake to bring back`, fix);
}

/** The same command once more, for pasting; without the word about the former holder, which is only needed once. Pure. */
export function sameAgain(options: RecoverOptions): string {
  const flags = [
    ["--backup", options.backup],
    ["--with", options.with],
    ["--store", options.store],
    ["--ref", options.ref],
    ["--network", options.network],
    ["--rpc", options.rpc],
    ["--max-gas-price", options.maxGasPrice],
  ] as const;
  const given = flags.flatMap(([flag, value]) => (value === undefined ? [] : [`${flag} ${quoted(value)}`]));
  return ["npx fleet recover", ...given].join(" ");
}
