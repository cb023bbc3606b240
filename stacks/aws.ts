import type * as pulumi from "@pulumi/pulumi";
import { AwsRegion, type AwsRegionArgs } from "../components/host/aws/region.js";
import { endpointsOf, portsOf } from "../components/worker/endpoints.js";
import { readNetwork } from "../components/worker/network-file.js";
import type { LightchainWorkerArgs } from "../components/worker/resolve.js";
import type { AwsChoice } from "../components/worker/resolve-host.js";
import { asRunError } from "../components/worker/run-error.js";
import { optional, workerFrom, type WorkerOutputs } from "./worker-stack.js";

/** A worker of a region: its machine, and what of its settings is its own. */
type WorkerConfig = Partial<Omit<LightchainWorkerArgs, "network" | "host">> &
  AwsChoice["aws"] &
  Pick<AwsChoice, "contextLength" | "gpu" | "strangers" | "ollamaPort" | "bootMs" | "bundle"> & {
    readonly hostName?: string;
  };

/** A region, by its name: what its machines share, and its workers by their names. */
interface RegionConfig extends Omit<AwsRegionArgs, "region" | "ready"> {
  readonly workers: Readonly<Record<string, WorkerConfig>>;
}

type Regions = Readonly<Record<string, RegionConfig>>;

/** Workers on EC2 instances that are made for them, in one region or several. */
export const aws = (config: pulumi.Config): Record<string, unknown> =>
  asRunError(() => {
    const network = readNetwork(config.require("network"));
    const regions = config.requireObject<Regions>("regions");
    const outputs: Record<string, WorkerOutputs> = {};
    for (const [name, { workers, ...shared }] of Object.entries(regions)) {
      const egressPorts = [...portsOf(endpointsOf(network)), ...(shared.egressPorts ?? [])];
      const region = new AwsRegion(name, { ...shared, region: name, egressPorts });
      for (const [worker, { types, zones, spot, ami, rootGiB, journalGiB, ...own }] of Object.entries(workers)) {
        const { hostName, contextLength, gpu, strangers, ollamaPort, bootMs, bundle, ...settings } = own;
        const host: AwsChoice = {
          aws: {
            ...{ in: region, types },
            ...optional("zones", zones),
            ...optional("spot", spot),
            ...optional("ami", ami),
            ...optional("rootGiB", rootGiB),
            ...optional("journalGiB", journalGiB),
          },
          ollama: config.get("ollama") ?? config.requireObject("ollamaRelease"),
          ...optional("host", hostName),
          ...optional("contextLength", contextLength),
          ...optional("gpu", gpu),
          ...optional("strangers", strangers),
          ...optional("ollamaPort", ollamaPort),
          ...optional("bootMs", bootMs),
          ...optional("bundle", bundle ?? config.get("bundle")),
        };
        outputs[worker] = workerFrom(config, worker, host, settings);
      }
    }
    return { workers: outputs };
  });
