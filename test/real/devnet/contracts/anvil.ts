import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GenesisAlloc } from "../../../../devnet/chain/genesis.js";
import { systemClock } from "../../../../system/clock.js";
import { freePort } from "../../../../system/net.js";
import { packageRoot } from "../../../../system/package-root.js";
import { startProcess, stopProcess } from "../../../../system/process.js";

/** A running anvil: every sender is accepted without a key, and blocks come only when asked for. */
export interface Anvil {
  readonly url: string;
  readonly chainId: number;
  stop(): Promise<void>;
}

/** Starts anvil on a free port, from a genesis with these accounts. The caller stops it. */
export async function startAnvil(alloc: GenesisAlloc, chainId = 48_221): Promise<Anvil> {
  const folder = await mkdtemp(join(tmpdir(), "lf-anvil-"));
  const genesis = join(folder, "genesis.json");
  await writeFile(genesis, JSON.stringify(genesisFile(alloc, chainId)));
  const port = await freePort();
  const flags = ["--init", genesis, "--chain-id", chainId, "--port", port, "--hardfork", "prague", "--accounts", 0];
  const anvil = startProcess(
    join(packageRoot(), "node_modules", ".bin", "anvil"),
    [...flags, "--auto-impersonate", "--no-mining", "--quiet"].map(String),
  );
  const stop = async (): Promise<void> => {
    await stopProcess(anvil);
    await rm(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  const end = systemClock.now() + 20_000;
  while (!(await answers(url))) {
    if (systemClock.now() > end || anvil.exitCode !== null) {
      await stop();
      throw new Error(`anvil did not start on ${url}`);
    }
    await systemClock.sleep(20);
  }
  return { url, chainId, stop };
}

const genesisFile = (alloc: GenesisAlloc, chainId: number): object => ({
  config: { chainId, terminalTotalDifficulty: 0, shanghaiTime: 0, cancunTime: 0, pragueTime: 0 },
  nonce: "0x0",
  timestamp: "0x65920080",
  extraData: "0x",
  gasLimit: "0x1c9c380",
  difficulty: "0x0",
  mixHash: `0x${"00".repeat(32)}`,
  coinbase: `0x${"00".repeat(20)}`,
  alloc,
});

async function answers(url: string): Promise<boolean> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] });
  try {
    return (await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body })).ok;
  } catch {
    return false;
  }
}
