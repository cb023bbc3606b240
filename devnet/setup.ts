import { createPublicClient, createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import type { Hex } from "../schema/units.js";
import type { Chain } from "./chain/chain.js";
import type { OwnerCall } from "./contracts/initialize.js";
import { SetUpFailed } from "./errors.js";

/** Enough for each call, and little enough that twenty fit into a block. */
const GAS_PER_CALL = 1_400_000n;
const GAS_PRICE = 10n ** 10n; // 10 gwei; the first block asks for 1

/**
 * Sends what sets the contracts up, in order, in as few blocks as it takes. The owner's nonce says how many of the calls are on the chain already, so a set-up that
 * was cut off is finished and a finished one costs nothing.
 * @throws SetUpFailed (LF1027) when a call reverts
 */
export async function setUpContracts(chain: Chain, ownerKey: Hex, calls: readonly OwnerCall[]): Promise<void> {
  const account = privateKeyToAccount(ownerKey);
  const transport = http(chain.geth.httpUrl);
  const client = createPublicClient({ transport });
  const wallet = createWalletClient({ account, transport });
  const done = await client.getTransactionCount({ address: account.address });
  if (done >= calls.length) return;

  const chainId = await client.getChainId();
  await chain.driver.hold();
  const hashes = [];
  for (const [index, { to, data }] of [...calls.entries()].slice(done)) {
    const request = {
      to,
      data,
      nonce: index,
      gas: GAS_PER_CALL,
      gasPrice: GAS_PRICE,
      type: "legacy",
      chainId,
    } as const;
    hashes.push({
      index,
      hash: await wallet.sendRawTransaction({ serializedTransaction: await account.signTransaction(request) }),
    });
  }
  for (let blocks = 0; (await client.getTransactionCount({ address: account.address })) < calls.length; blocks++) {
    if (blocks > calls.length) throw new SetUpFailed("its transactions are not taken into blocks");
    await chain.driver.mine();
  }
  chain.driver.release();
  for (const { index, hash } of hashes) {
    const { status } = await client.getTransactionReceipt({ hash });
    if (status !== "success")
      throw new SetUpFailed(`call ${index + 1} of ${calls.length} to ${calls[index]?.to ?? ""} reverted`);
  }
}
