import "../lean-sdk.js"; // first
import * as pulumi from "@pulumi/pulumi";
import { Funding } from "../chain/funding.js";
import { Registration } from "../chain/registration.js";
import { DockerHost } from "../host/docker/host.js";
import type { HostResource } from "../host/host-resource.js";
import { LocalHost } from "../host/local/host.js";
import { SshHost } from "../host/ssh/host.js";
import { SsmHost } from "../host/ssm/host.js";
import { keptOf, type Kept } from "../keys/kept.js";
import { Keys } from "../keys/keys.js";
import { Model } from "../models/model.js";
import { Service } from "../service/service.js";
import type { WorkerReference } from "../worker-reference.js";
import { endpointsOf } from "./endpoints.js";
import { preflight } from "./preflight.js";
import { resolveWorker, type LightchainWorkerArgs, type ResolvedWorker } from "./resolve.js";

/**
 * A Lightchain AI worker: keys, machine, models, service, funds and registration, joined and left in the safe order.
 *
 * **Cost**: locks the stake while registered (5,000 LCAI on testnet, 50,000 on mainnet, as published); gas of about a dozen transactions; the machine's
 * own price. `pulumi preview` states the sums before anything is sent.
 *
 * @example
 * new LightchainWorker("home", {
 *   network: testnet,
 *   host: { root: "/var/lib/lightchain", ollama: "/usr/local/bin/ollama", ollamaPort: 11500 },
 *   models: ["llama3-8b"],
 *   store: "file:/home/me/.lightchain/keys",
 *   treasury: { store: "file:/home/me/.lightchain/keys", ref: "treasury/8200/main" },
 *   refundTo: "0x…",
 * });
 */
export class LightchainWorker extends pulumi.ComponentResource {
  /** The worker's on-chain address: known once its keys exist. */
  readonly address: pulumi.Output<string>;
  /** `live`, or how far it is. */
  readonly standing: pulumi.Output<string>;
  /** The record of its keys, within the store. */
  readonly keys: pulumi.Output<string>;
  /** Path of the backup of its keys; empty without a `recoveryKey`. */
  readonly backup: pulumi.Output<string>;
  /** What of its keys stays in AWS after a destroy; `undefined` of a store that is on this machine. */
  readonly kept: pulumi.Output<Kept> | undefined;
  /** Where its Ollama answers. */
  readonly ollamaUrl: pulumi.Output<string>;

  constructor(name: string, args: LightchainWorkerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("lightchain:fleet:Worker", name, {}, opts);
    const worker = resolveWorker(name, args); // every default and check, once, at the edge
    const checked = pulumi.output(preflight(worker));

    const keys = createKeys(this, worker, checked);
    const host = createHost(this, worker, checked, keys);
    const reference = referTo(worker, keys, host);
    const models = worker.models.map((model) => createModel(this, worker, host, model));
    const service = createService(this, worker, reference, host, models);
    const funding = createFunding(this, worker, reference, service);
    const registration = createRegistration(this, worker, reference, [funding, service, ...models]);
    watch(this, worker, host, registration);

    this.address = keys.address;
    this.standing = registration.standing;
    this.keys = keys.ref;
    this.backup = keys.backup;
    const kept = keptOf(worker.store, worker.network.chainId, worker.name);
    this.kept = kept && keys.ref.apply(() => kept); // there is nothing to keep before there are keys
    this.ollamaUrl = host.ollamaUrl;
    this.registerOutputs({ address: this.address, standing: this.standing, keys: this.keys });
  }
}

/** Preflight passed: everything that is made depends on it, so that nothing is made before. */
type Checked = pulumi.Output<void>;

function createKeys(parent: LightchainWorker, worker: ResolvedWorker, checked: Checked): Keys {
  const refundTo = checked.apply(() => worker.refundTo);
  const { recoveryKey } = worker;
  return new Keys(
    `${worker.name}-keys`,
    { ...pick(worker, "name", "network", "store"), refundTo, ...(recoveryKey === undefined ? {} : { recoveryKey }) },
    { parent },
  );
}

function createHost(parent: LightchainWorker, worker: ResolvedWorker, checked: Checked, keys: Keys): HostResource {
  const { host, tuning } = worker;
  const name = hostResource(worker.name, "docker" in host ? host.docker.host : host.host);
  // The keys are the last net: everything else is gone before they are given up.
  const opts = { parent, dependsOn: [keys] };
  const asked = { models: worker.models.map((model) => model.name), endpoints: endpointsOf(worker.network) };
  if ("docker" in host) {
    const shutdownMs = tuning.jobs?.shutdownMs;
    const ending = shutdownMs === undefined ? {} : { shutdownMs };
    return new DockerHost(name, { ...host.docker, ...asked, ...ending, ready: checked }, opts);
  }
  if ("aws" in host) {
    const { aws, in: region, ...rest } = host;
    const machine = pick(aws, "types", "zones", "spot", "ami", "rootGiB", "journalGiB");
    return region.machine(name, { ...rest, ...asked, machine, worker: worker.name, ready: checked }, opts);
  }
  const root = checked.apply(() => host.root);
  if ("ssm" in host) return new SsmHost(name, { ...host, ...asked, root }, opts);
  if ("connection" in host) return new SshHost(name, { ...host, ...asked, root }, opts);
  return new LocalHost(name, { ...host, ...asked, root }, opts);
}

/**
 * A host that is given a name has it in its resource's: whoever moves a worker names another one, and both are there until it has moved. A name that was the default's is
 * no other resource. Pure.
 */
export const hostResource = (worker: string, host: string | undefined): string =>
  host === undefined || host === `${worker}-host` ? `${worker}-host` : `${worker}-on-${host}`;

function createModel(
  parent: LightchainWorker,
  worker: ResolvedWorker,
  host: HostResource,
  model: ResolvedWorker["models"][number],
): Model {
  return new Model(
    `${worker.name}-${model.name.replace(/[^A-Za-z0-9]+/g, "-")}`,
    {
      host: host.reference,
      worker: worker.name,
      model: model.name,
      source: model.source,
      insecure: model.insecure,
      ...(model.digest === undefined ? {} : { digest: model.digest }),
    },
    { parent },
  );
}

function createService(
  parent: LightchainWorker,
  worker: ResolvedWorker,
  reference: pulumi.Output<WorkerReference>,
  host: HostResource,
  models: readonly Model[],
): Service {
  return new Service(
    `${worker.name}-service`,
    {
      worker: reference,
      bundle: host.bundleHash,
      ollamaUrl: host.ollamaUrl,
      models: worker.models.map((model) => model.name),
      tuning: worker.tuning,
    },
    { parent, dependsOn: [...models] },
  );
}

/** From when it is live, so that nobody is told of one that is only being made, until it begins to leave: after that its machine may rest. */
function watch(parent: LightchainWorker, worker: ResolvedWorker, host: HostResource, registration: Registration): void {
  if (!("aws" in worker.host)) return;
  const { aws, gpu, in: region } = worker.host;
  const about = { worker: worker.name, gpu: gpu !== "none", spot: aws.spot, leaving: worker.leaving };
  region.watch(about, host, { parent, dependsOn: [registration] });
}

function createFunding(
  parent: LightchainWorker,
  worker: ResolvedWorker,
  reference: pulumi.Output<WorkerReference>,
  service: Service,
): Funding {
  return new Funding(
    `${worker.name}-funding`,
    { worker: reference, ...pick(worker, "treasury", "stake", "gasReserve", "generation", "leaving", "caps") },
    { parent, dependsOn: [service] },
  );
}

function createRegistration(
  parent: LightchainWorker,
  worker: ResolvedWorker,
  reference: pulumi.Output<WorkerReference>,
  dependsOn: readonly pulumi.Resource[],
): Registration {
  return new Registration(
    `${worker.name}-registration`,
    {
      worker: reference,
      serving: {
        ...pick(worker, "generation", "stake", "gasReserve", "leaving"),
        models: worker.models.map((model) => model.name),
      },
      exit: { maxWaitMs: worker.exitMaxWaitMs },
      patienceMs: worker.patienceMs,
    },
    { parent, dependsOn: [...dependsOn] },
  );
}

function referTo(worker: ResolvedWorker, keys: Keys, host: HostResource): pulumi.Output<WorkerReference> {
  return pulumi.all([keys.address, keys.ref, host.reference]).apply(([address, ref, hostReference]) => ({
    name: worker.name,
    network: worker.network,
    keys: { store: worker.store, ref: ref as WorkerReference["keys"]["ref"] },
    address: address as WorkerReference["address"],
    refundTo: worker.refundTo,
    host: hostReference,
  }));
}

const pick = <T extends object, K extends keyof T>(from: T, ...keys: readonly K[]): Pick<T, K> =>
  Object.fromEntries(keys.map((key) => [key, from[key]])) as unknown as Pick<T, K>;
