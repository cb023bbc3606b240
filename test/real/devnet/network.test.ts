import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPublicClient, http } from "viem";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { resolveContracts } from "../../../abi/bootstrap.js";
import { workerRegistryAbi } from "../../../abi/worker-registry.js";
import { steer } from "../../../devnet/control-client.js";
import { startDevnet, type Devnet } from "../../../devnet/network.js";
import { modelIdOf } from "../../../protocol/model-id.js";
import { networkSchema } from "../../../schema/network.js";
import { tool } from "../toolchain.js";

const newFolder = () => mkdtemp(join(tmpdir(), "lightchain-devnet-"));

describe("a rehearsal network", () => {
  let dir: string;
  let devnet: Devnet;
  beforeAll(async () => {
    dir = await newFolder();
    const start = performance.now();
    devnet = await startDevnet({ dir, tools: { geth: await tool("geth") } });
    console.log(`rehearsal network ready after ${Math.round(performance.now() - start)} ms`);
  });
  afterAll(async () => {
    await devnet.stop();
    await rm(dir, { recursive: true });
  });
  const client = () => createPublicClient({ transport: http(devnet.network.endpoints.rpc) });

  test("describes itself as any network does", async () => {
    const written = networkSchema.parse(JSON.parse(await readFile(join(dir, "network.json"), "utf8")));
    expect(written).toEqual(devnet.network);
    expect(written).toMatchObject({ name: "devnet", chainId: 48221 });
  });

  test("has contracts that name each other as its document does", async () => {
    const { workerRegistry, jobRegistry, aiConfig, sessionManager } = devnet.network.contracts;
    expect(await resolveContracts(client(), devnet.network)).toMatchObject({
      workerRegistry,
      jobRegistry,
      aiConfig,
      sessionManager,
    });
  });

  test("has its registry's models on the chain's list", async () => {
    expect(devnet.models.length).toBeGreaterThan(0);
    for (const { name, pull } of devnet.models) {
      const whitelisted = await client().readContract({
        address: devnet.network.contracts.workerRegistry,
        abi: workerRegistryAbi,
        functionName: "isModelWhitelisted",
        args: [modelIdOf(name)],
      });
      expect(whitelisted).toBe(true);
      const [host, path = ""] = pull.split(/\/(.*)/s);
      const [repository = "", tag = "latest"] = path.split(":");
      expect((await fetch(`http://${host ?? ""}/v2/${repository}/manifests/${tag}`)).status).toBe(200);
    }
  });

  test("has accounts with money, whose keys only the user can read", async () => {
    const { treasury, consumers } = devnet.accounts;
    for (const { address } of [treasury, ...consumers])
      expect(await client().getBalance({ address })).toBeGreaterThanOrEqual(10n ** 22n);
    expect((await stat(join(dir, "accounts.json"))).mode & 0o777).toBe(0o600);
  });

  test("answers at every endpoint", async () => {
    const { beacon, gateway } = devnet.network.endpoints;
    expect((await fetch(`${beacon}/eth/v1/node/version`)).status).toBe(200);
    expect((await fetch(`${gateway}/api/auth/challenge`)).status).toBe(200);
  });

  test("is steered over HTTP", async () => {
    const { control } = JSON.parse(await readFile(join(dir, "devnet.json"), "utf8")) as { control: string };
    const before = await steer({ control }, "GET", "/status");
    const after = await steer({ control }, "POST", "/time", { advance: 3600 });
    expect(after.block.timestamp - before.block.timestamp).toBeGreaterThanOrEqual(3600);
    const block = await client().getBlock();
    expect(Number(block.timestamp)).toBeGreaterThanOrEqual(after.block.timestamp);
  });

  test("is not started twice in one folder", async () => {
    await expect(startDevnet({ dir, tools: { geth: await tool("geth") } })).rejects.toMatchObject({ code: "LF1022" });
  });
});

test("a rehearsal network that is started again has the same accounts, endpoints and chain", async () => {
  const dir = await newFolder();
  const options = { dir, tools: { geth: await tool("geth") }, blocks: { blockIntervalMs: 3_600_000 } };
  const first = await startDevnet(options);
  const head = await first.driver.mine();
  await first.stop();
  await expect(stat(join(dir, "devnet.json"))).rejects.toThrow();

  const start = performance.now();
  const second = await startDevnet(options);
  console.log(`rehearsal network ready again after ${Math.round(performance.now() - start)} ms`);
  expect(second.network).toEqual(first.network);
  expect(second.accounts).toEqual(first.accounts);
  expect(second.controlUrl).toBe(first.controlUrl);
  expect(second.driver.head()).toEqual(head);
  await second.stop();
  await rm(dir, { recursive: true });
});
