import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { contractNames } from "../../../../devnet/contracts/compile.js";
import type { Hex } from "../../../../schema/units.js";
import { type Life, lifeOn } from "./life.js";
import { startTestNetwork, type TestNetwork } from "./network.js";
import { jobRefusals } from "./refusals/jobs.js";
import { ownerRefusals } from "./refusals/owner.js";
import { sessionManagerRefusals } from "./refusals/session-manager.js";
import { sessionRefusals } from "./refusals/sessions.js";
import { workerRegistryRefusals } from "./refusals/worker-registry.js";

let network: TestNetwork;
let life: Life;
let start: Hex;
beforeAll(async () => {
  network = await startTestNetwork();
  life = lifeOn(network);
});
afterAll(() => network.stop());
beforeEach(async () => {
  start = await network.snapshot();
});
afterEach(() => network.revertTo(start));

const refusals = [
  ...workerRegistryRefusals,
  ...sessionManagerRefusals,
  ...sessionRefusals,
  ...jobRefusals,
  ...ownerRefusals,
];

test.each(refusals)("%s is refused with %s", async (_, error, arrange) => {
  const { call, args } = await arrange(life);
  await network.expectRefused(call, error, args);
});

/** Errors that come with the libraries, or that the live ABI lists and no path of ours reaches. */
const outOfReach = [
  "AddressEmptyCode",
  "CapabilityLimitReached",
  "CheckpointUnorderedInsertion",
  "ERC1967InvalidImplementation",
  "ERC1967NonPayable",
  "FailedCall",
  "NotInitializing",
  "ReentrancyGuardReentrantCall",
  "UUPSUnauthorizedCallContext",
  "UUPSUnsupportedProxiableUUID",
  "WorkerNotInEligibleSet",
];

test("every error of the five contracts is met above, or is known to be out of reach", () => {
  const declared = contractNames
    .filter((name) => name !== "ERC1967Proxy")
    .flatMap((name) => network.compiled[name].abi.filter((item) => item.type === "error").map((item) => item.name));
  const met = refusals.map(([, error]) => error as string);
  expect([...new Set(declared)].filter((name) => !met.includes(name)).sort()).toEqual(outOfReach);
});
