import { awsMachineSchema, type AwsMachine } from "../../../../../components/host/aws/args.js";
import { gpuInstanceTypes } from "../../../../../components/host/aws/instance-types.js";
import type { AwsWorker, RegionFacts } from "../../../../../components/host/aws/preflight/facts.js";
import { needsOf } from "../../../../../components/models/needs.js";

/** A region that is made up. */
export const region = "eu-test-1";
/** Its zones. */
export const zones = ["a", "b", "c"].map((letter) => `${region}${letter}`);

/** A worker with one small model on a machine of the smallest type for it. */
export function workerOf(
  name: string,
  machine: Partial<AwsMachine> = {},
  models: readonly string[] = ["llama3-8b"],
  contextTokens = 8_192,
): AwsWorker {
  const whole = awsMachineSchema.parse({ types: ["g4dn.xlarge"], ...machine });
  return { name, machine: whole, models: models.map(needsOf), contextTokens, parallel: 1 };
}

/** A region in which every type is offered everywhere, nothing runs, and enough may. */
export function factsOf(change: Partial<RegionFacts> = {}): RegionFacts {
  return {
    region,
    account: "111122223333",
    quotas: {
      "L-DB2E81BA": { known: 64 },
      "L-417A185B": { known: 64 },
      "L-3819A6DF": { known: 64 },
      "L-C4BD4855": { known: 64 },
    },
    running: { known: { vcpus: {}, workers: [] } },
    offers: { known: Object.fromEntries(gpuInstanceTypes.map(({ name }) => [name, zones])) },
    images: { x64: { known: "ami-00000000000000001" }, arm64: { known: "ami-00000000000000002" } },
    spotPrices: { known: {} },
    ...change,
  };
}
