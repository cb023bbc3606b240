import { readFile } from "node:fs/promises";
import { parseEther } from "viem";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { workerRegistryAbi } from "../../../abi/worker-registry.js";
import { createOwner, type Owner } from "../../../devnet/contracts/owner.js";
import { accountsSchema } from "../../../devnet/documents.js";
import { changed } from "../../../scripts/rehearsal/engine.js";
import { outputsSchema, prepareStage, type Stage } from "../../../scripts/rehearsal/stage.js";
import { systemClock } from "../../../system/clock.js";
import type { Address } from "../../../schema/units.js";
import { compileForTests } from "../devnet/contracts/network.js";
import { consumerOf, openRehearsal, type Rehearsal } from "./rehearsal.js";

let rehearsal: Rehearsal;
let stage: Stage;
let worker: Address;
let owner: Owner;
const said: string[] = [];
beforeAll(async () => {
  rehearsal = await openRehearsal();
  stage = await stageWith({});
  await stage.engine.run("up");
  worker = outputsSchema.parse(await stage.engine.outputs()).worker;
  const accounts = accountsSchema.parse(JSON.parse(await readFile(stage.accountsFile, "utf8")));
  const [rpcUrl, key] = [stage.network.endpoints.rpc, accounts.owner.privateKey];
  owner = createOwner({ rpcUrl, key, compiled: compileForTests });
}, 600_000);
afterAll(() => rehearsal.end());

const stageWith = (config: Record<string, unknown>): Promise<Stage> =>
  prepareStage(rehearsal.folders, rehearsal.tools, rehearsal.network, (line) => void said.push(line), config);
const balance = (): Promise<bigint> => stage.client.getBalance({ address: worker });
const staked = (): Promise<bigint> =>
  stage.client.readContract({
    address: stage.contracts.workerRegistry,
    abi: workerRegistryAbi,
    functionName: "getWorkerStake",
    args: [worker],
  });
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await systemClock.sleep(200)) if (await holds()) return;
  expect.unreachable("it did not come to hold within a minute");
}
/** What the engine's preview says that the treasury sends. */
async function announced(): Promise<string | undefined> {
  const from = said.length;
  await stage.engine.run("preview");
  return /treasury sends ([\d.]+) LCAI/.exec(said.slice(from).join("\n"))?.[1];
}

describe("a worker that serves", () => {
  test("has its reserve raised by an up that says so before, to the wei, and once", async () => {
    const before = await balance();
    stage = await stageWith({ gasReserve: "200" });
    expect(parseEther((await announced()) ?? "")).toBe(parseEther("200") - before);
    await stage.engine.run("up");
    expect(await balance()).toBe(parseEther("200"));
    expect(await announced()).toBe("0");
    expect(changed(await stage.engine.run("up"))).toBe(0);
  }, 600_000);

  test("is not sent what a cap forbids: the preview says so before, and nothing is changed", async () => {
    const capped = { gasReserve: "500", caps: { perAction: "5500", perDay: 5300, lifetime: "9000" } };
    const before = await balance();
    stage = await stageWith(capped);
    expect(await announced()).toBe("0");
    expect(said.join("\n")).toMatch(
      /sends 0 LCAI, though its reserve for gas is low \(LF1221: .*`caps\.perDay` leaves/,
    );
    await stage.engine.run("up"); // it serves on
    expect(await balance()).toBe(before);
    await owner.call("aiConfig", "setMinWorkerStake", [parseEther("5200")]);
    await expect(stage.engine.run("preview")).rejects.toThrow(/LF1221: .*`caps\.perDay`.*to be sent today/);
    await owner.call("aiConfig", "setMinWorkerStake", [parseEther("5000")]);
    stage = await stageWith({ gasReserve: "200" });
    expect(await announced()).toBe("0");
  }, 600_000);

  test("gets what a raised minimum stake takes from an up whose program has not changed, and goes on", async () => {
    await owner.call("aiConfig", "setMinWorkerStake", [parseEther("5300")]);
    const [before, sends] = [await balance(), parseEther((await announced()) ?? "")];
    expect(before + sends).toBe(parseEther("500"));
    await stage.engine.run("up");
    await until(async () => (await staked()) === parseEther("5300"));
    expect(await balance()).toBeGreaterThan(parseEther("199.9"));
    expect(changed(await stage.engine.run("up"))).toBe(0);
    const consumer = await consumerOf(stage.network, stage.accountsFile);
    const session = await consumer.requestSession(stage.model);
    expect((await consumer.ask(session, "Tell me about the river.")).verified).toBe("verified");
    await consumer.closeSession(session);
  }, 600_000);

  test("comes back with all of it", async () => {
    await rehearsal.network.advance(86_400 + 60);
    await stage.engine.run("destroy");
    expect([await balance(), await staked()]).toEqual([0n, 0n]);
    const { refundTo } = stage.operator;
    expect(await stage.client.getBalance({ address: refundTo })).toBeGreaterThan(parseEther("5500"));
  }, 600_000);
});
