import { describe, expect, test } from "vitest";
import { NodeUnreachable, WrongChain } from "../../abi/bootstrap.js";
import { networks } from "../../abi/networks.js";
import { askedOfTheChain, keptUnarchived, recoverCommand } from "../../components/chain/silent-chain.js";
import { NodeSilent } from "../../lifecycle/errors.js";
import type { FleetError } from "../../schema/errors.js";

const network = networks.testnet;
const leaving = { name: "home", store: { url: "file:/home/me/keys" }, ref: "worker/8200/home", network } as const;
const command = "npx fleet recover --store file:/home/me/keys --ref worker/8200/home --network testnet";

describe("a delete whose chain does not answer", () => {
  test.each<[string, FleetError]>([
    ["at the first question", new NodeUnreachable("testnet", "https://rpc.example/key", new Error("secret url"))],
    ["at a later one", new NodeSilent("fetch failed", new Error())],
  ])("is one error, %s: the way back, the hatch, and what comes after it", async (_, reason) => {
    const failed = askedOfTheChain(leaving, () => Promise.reject(reason));
    await expect(failed).rejects.toMatchObject({ code: "LF1512", cause: reason });
    const message = await failed.catch((error: unknown) => (error as Error).message);
    expect(message).toMatch(
      /^LF1512: Worker home cannot leave[^\n]*LIGHTCHAIN_SKIP_DEREGISTER=1 pulumi destroy[^\n]*$/,
    );
    expect(message).toContain(command);
    expect(message).not.toMatch(/LF12\d\d|secret url/);
  });

  test("that fails for another reason says that", async () => {
    const reason = new WrongChain("testnet", 8200, 1, "https://rpc.example");
    await expect(askedOfTheChain(leaving, () => Promise.reject(reason))).rejects.toBe(reason);
  });

  test("that is answered goes on", async () => expect(await askedOfTheChain(leaving, async () => 7)).toBe(7));
});

describe("what a destroy says that gave a worker up", () => {
  test("is the command that brings its stake back", () => expect(keptUnarchived("home", leaving)).toContain(command));

  test("names a public network also when it was reached by a node of one's own", () => {
    const own = { ...network, endpoints: { ...network.endpoints, rpc: "http://127.0.0.1:8545" } };
    expect(recoverCommand({ ...leaving, network: own })).toBe(command);
    expect(recoverCommand({ ...leaving, network: { ...own, chainId: 48_221 } })).toMatch(/network\.json>$/);
  });

  test("can be pasted into a shell, whatever the store is called", () =>
    expect(recoverCommand({ ...leaving, store: { url: "file:/home/an operator's/keys" } })).toContain(
      `--store 'file:/home/an operator'\\''s/keys'`,
    ));
});
