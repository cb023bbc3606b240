import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { preflight } from "../../../components/worker/preflight.js";
import { resolveWorker, type LightchainWorkerArgs } from "../../../components/worker/resolve.js";
import { openStore } from "../../../keystore/open-store.js";
import { generateWorkerRecord } from "../../../keystore/worker-keys.js";
import { networkSchema } from "../../../schema/network.js";
import { prepareOperator } from "../../../scripts/rehearsal/operator.js";
import { prepareStage } from "../../../scripts/rehearsal/stage.js";
import { systemClock } from "../../../system/clock.js";
import { freePort } from "../../../system/net.js";
import { openRehearsal, type Rehearsal } from "./rehearsal.js";

let rehearsal: Rehearsal;
let good: LightchainWorkerArgs;
let folder: string;
let taken: Server;
let takenPort: number;
const before = process.env["LIGHTCHAIN_PASSPHRASE_FILE"];
beforeAll(async () => {
  rehearsal = await openRehearsal();
  folder = await mkdtemp(join(tmpdir(), "fleet-bad-"));
  const network = networkSchema.parse(JSON.parse(await readFile(rehearsal.network.networkFile, "utf8")));
  const { store, treasury, refundTo } = await prepareOperator(rehearsal.folders, {
    network,
    networkFile: rehearsal.network.networkFile,
    treasuryKey: rehearsal.network.treasuryKey,
    ollama: rehearsal.tools.ollama,
    models: rehearsal.network.models,
    config: {},
  });
  process.env["LIGHTCHAIN_PASSPHRASE_FILE"] = rehearsal.folders.passphrase;
  good = {
    network,
    host: { root: join(folder, "host"), ollama: rehearsal.tools.ollama, ollamaPort: await freePort() },
    models: rehearsal.network.models,
    store: store.url,
    treasury: { store: store.url, ref: treasury },
    refundTo,
  };
  await store.create(
    `worker/${network.chainId}/known`,
    generateWorkerRecord({
      chainId: network.chainId,
      workerRegistry: network.contracts.workerRegistry,
      name: "known",
      refundTo,
    }),
  );
  await writeFile(join(folder, "old-ollama"), "#!/bin/sh\necho ollama version is 0.5.7\n");
  await chmod(join(folder, "old-ollama"), 0o755);
  await writeFile(join(folder, "file"), "");
  await writeFile(join(folder, "wrong-passphrase"), "not the one\n", { mode: 0o600 });
  taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  takenPort = (taken.address() as { port: number }).port;
}, 300_000);
afterAll(async () => {
  if (before === undefined) delete process.env["LIGHTCHAIN_PASSPHRASE_FILE"];
  else process.env["LIGHTCHAIN_PASSPHRASE_FILE"] = before;
  taken.close();
  await rm(folder, { recursive: true, force: true });
  await rehearsal.end();
});

const check = async (name: string, change: Partial<LightchainWorkerArgs>): Promise<string> => {
  try {
    await preflight(resolveWorker(name, { ...good, ...change }));
    return "";
  } catch (error) {
    return (error as Error).message;
  }
};
const withNetwork = (
  change: Partial<LightchainWorkerArgs["network"]["endpoints"]> & { chainId?: number },
): Partial<LightchainWorkerArgs> => {
  const { chainId, ...endpoints } = change;
  return {
    network: {
      ...good.network,
      chainId: chainId ?? good.network.chainId,
      endpoints: { ...good.network.endpoints, ...endpoints },
    },
  };
};

describe("bad input is one coded line, before anything is made or sent", () => {
  test("and good input passes", async () => {
    expect(await check("home", {})).toBe("");
  });

  test.each<[situation: string, code: RegExp, change: () => Partial<LightchainWorkerArgs>, name?: string]>([
    ["a model that is not whitelisted", /^LF1551: .*no-such-model/, () => ({ models: ["no-such-model"] })],
    ["a wrong chain id", /LF1211/, () => withNetwork({ chainId: 8200 })],
    ["a node that is down", /LF1212/, () => withNetwork({ rpc: "http://127.0.0.1:1" })],
    ["a treasury that is too poor", /^LF1220: .*LCAI/, () => ({ gasReserve: "9000000000" })],
    ["refundTo missing", /^LF1550: .*refundTo is missing/, () => ({ refundTo: "" })],
    ["refundTo changed", /^LF1501/, () => ({ refundTo: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" }), "known"],
    ["a port that is taken", /^LF1562/, () => ({ host: { ...good.host, ollamaPort: takenPort } })],
    ["a folder that cannot be made", /^LF1521/, () => ({ host: { ...good.host, root: join(folder, "file", "host") } })],
    ["no Ollama", /^LF1560/, () => ({ host: { ...good.host, ollama: join(folder, "no-ollama") } })],
    [
      "an Ollama that is too old",
      /^LF1561: .*0\.5\.7/,
      () => ({ host: { ...good.host, ollama: join(folder, "old-ollama") } }),
    ],
  ])("%s", async (_, code, change, name = "home") => {
    const message = await check(name, change());
    expect(message).toMatch(code);
    expect(message).not.toContain("\n    at ");
  });

  test.each([
    ["missing", undefined, /LF1109/],
    ["wrong", "wrong-passphrase", /LF1103/],
  ])("a passphrase that is %s", async (_, file, code) => {
    const right = process.env["LIGHTCHAIN_PASSPHRASE_FILE"];
    if (file === undefined) delete process.env["LIGHTCHAIN_PASSPHRASE_FILE"];
    else process.env["LIGHTCHAIN_PASSPHRASE_FILE"] = join(folder, file);
    try {
      expect(await check("home", {})).toMatch(code);
    } finally {
      process.env["LIGHTCHAIN_PASSPHRASE_FILE"] = right;
    }
  });

  test("an unknown kind of stack, through the engine", async () => {
    const stage = await prepareStage(rehearsal.folders, rehearsal.tools, rehearsal.network, () => undefined, {
      kind: "moon",
    });
    await expect(stage.engine.run("preview")).rejects.toThrow(/LF1553: .*"moon"/);
  });

  test("and none of it made keys or sent anything", async () => {
    const store = openStore(good.store, { passphrase: async () => Buffer.from("unused"), clock: systemClock });
    expect(await store.has(`worker/${good.network.chainId}/home`)).toBe(false);
  });
});
