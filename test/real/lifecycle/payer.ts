import { createPublicClient, http } from "viem";
import { openStore } from "../../../keystore/open-store.js";
import { passphraseFrom } from "../../../keystore/passphrase.js";
import { nodeOf } from "../../../lifecycle/node.js";
import { openStoredSender } from "../../../lifecycle/stored-sender.js";
import { wei, type Address } from "../../../schema/units.js";
import type { PurposeId } from "../../../lifecycle/types.js";
import { systemClock } from "../../../system/clock.js";

/* A process of its own that makes one payment: `payer <store> <chain id> <rpc> <purpose> <to> <wei>`. Prints the hash. */
async function main([url = "", chainId = "", rpc = "", purpose = "", to = "", amount = ""]: string[]): Promise<void> {
  const sender = await openStoredSender({
    store: openStore(url, { passphrase: passphraseFrom(process.env), clock: systemClock }),
    ref: `treasury/${Number(chainId)}/main`,
    chainId: Number(chainId),
    node: nodeOf(createPublicClient({ transport: http(rpc), cacheTime: 0 })),
    clock: systemClock,
    pollMs: 50,
  });
  const call = { purpose: purpose as PurposeId, to: to as Address, data: "0x", value: wei(BigInt(amount)) } as const;
  const { hash } = await sender.send(call);
  process.stdout.write(`${hash}\n`);
}

void main(process.argv.slice(2));
