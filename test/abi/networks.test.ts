import { expect, test } from "vitest";
import { networkNamed, networks } from "../../abi/networks.js";
import { networkSchema } from "../../schema/network.js";

test.each(Object.entries(networks))("%s is a valid network whose addresses are checksummed", (name, network) => {
  expect(networkSchema.parse(network)).toEqual(network);
  expect(network.name).toBe(name);
});

test("the public chains are 8200 and 9200, and both keep their WorkerRegistry at the predeploy", () => {
  expect([networks.testnet.chainId, networks.mainnet.chainId]).toEqual([8200, 9200]);
  for (const network of Object.values(networks))
    expect(network.contracts.workerRegistry).toBe("0x0000000000000000000000000000000000001002");
});

test("a network is found by its name, and only by it", () => {
  expect(networkNamed("testnet")).toBe(networks.testnet);
  for (const other of ["devnet", "Testnet", "", "toString", "__proto__"]) expect(networkNamed(other)).toBeUndefined();
});
