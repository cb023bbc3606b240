import { contractReads } from "../../../lifecycle/contract-reads.js";
import { answered } from "../../../lifecycle/node.js";
import type { ChainRules } from "../../../lifecycle/types.js";
import { modelIdOf } from "../../../protocol/model-id.js";
import { chainOf } from "../../context.js";
import type { ResolvedAwsMachine } from "../../host/aws/args.js";
import { gpuInstanceTypes } from "../../host/aws/instance-types.js";
import { describeCost } from "../../host/aws/preflight/cost.js";
import type { AwsWorker, RegionFacts } from "../../host/aws/preflight/facts.js";
import { judge, type Found, type Judgement } from "../../host/aws/preflight/judge.js";
import { lookAtRegion } from "../../host/aws/preflight/look.js";
import { spotWarning } from "../../host/aws/preflight/spot.js";
import { needsOf } from "../../models/needs.js";
import type { ResolvedWorker } from "../resolve.js";
import type { Check } from "./check.js";

/** A worker's machine in AWS, and the region that it is to be in. */
type AwsPlace = ResolvedAwsMachine & { readonly region: string; readonly account?: string };

/** Whether a region of AWS has, allows and costs what this program's workers need of it. Another kind of host has nothing to do with it. */
export const awsChecks: readonly Check[] = [
  {
    name: "region in AWS",
    run: async (worker) => {
      const seen = await look(worker);
      if (seen === undefined) return undefined;
      const refusal = seen.judgement.refusals.find((found) => isAbout(worker, found));
      if (refusal !== undefined) throw refusal.what;
      const { models } = await rulesOf(worker);
      const fees = worker.models.map(({ name }) => {
        const fee = models.find(({ id }) => id === modelIdOf(name))?.fee ?? null;
        return [name, fee] as const;
      });
      return describeCost(seen.wanted, seen.facts, Object.fromEntries(fees));
    },
  },
  {
    name: "what to know of the region in AWS",
    tells: "warning",
    run: async (worker) => {
      const seen = await look(worker);
      const found = seen?.judgement.warnings ?? [];
      const lines = found.flatMap((one) => (one.worker === worker.name || isNews(one) ? [one.what] : []));
      return lines.length === 0 ? undefined : lines.join(" · ");
    },
  },
  {
    name: "spot",
    tells: "warning",
    run: async (worker) =>
      awsOf(worker)?.spot === true && !worker.leaving ? spotWarning((await rulesOf(worker)).slashBps) : undefined,
  },
];

/** What a worker states of its machine in AWS. */
const awsOf = ({ host }: ResolvedWorker): AwsPlace | undefined => ("aws" in host ? host.aws : undefined);

const isAbout = ({ name }: ResolvedWorker, found: Found<unknown>): boolean =>
  found.worker === null || found.worker === name;

/** What was said for all of them: one worker's line says it, and no other's. */
const saidForAll = new Set<string>();
function isNews({ worker, what }: Found<string>): boolean {
  if (worker !== null || saidForAll.has(what)) return false;
  saidForAll.add(what);
  return true;
}

/** What is wanted of each region, over all workers of this program: they are constructed before the first answer comes. */
const demands = new Map<string, Map<string, AwsWorker>>();
/** What each region said, once a run; anew only for what was not asked about. */
const regions = new Map<string, { readonly spot: boolean; readonly facts: Promise<RegionFacts> }>();

interface Seen {
  readonly wanted: AwsWorker;
  readonly facts: RegionFacts;
  readonly judgement: Judgement;
}

/** A worker's region, judged with all that this program wants of it; `undefined` for a worker that is elsewhere or leaves: what keeps one from coming keeps none from going. */
async function look(worker: ResolvedWorker): Promise<Seen | undefined> {
  const place = awsOf(worker);
  if (place === undefined || worker.leaving) return undefined;
  const { region, account, ...machine } = place;
  const wanted: AwsWorker = {
    name: worker.name,
    machine,
    models: worker.models.map(({ name }) => needsOf(name)),
    contextTokens: ("contextLength" in worker.host ? worker.host.contextLength : undefined) ?? 0,
    parallel: 1,
  };
  const workers = demands.get(region) ?? new Map<string, AwsWorker>();
  demands.set(region, workers.set(worker.name, wanted));
  const facts = await factsOf(region, machine.spot);
  return { wanted, facts, judgement: judge({ region, account, workers: [...workers.values()] }, facts) };
}

function factsOf(region: string, spot: boolean): Promise<RegionFacts> {
  const known = regions.get(region);
  if (known !== undefined && (known.spot || !spot)) return known.facts;
  const facts = lookAtRegion(region, { types: gpuInstanceTypes.map(({ name }) => name), spot });
  regions.set(region, { spot, facts });
  return facts;
}

/** What the chain rules, for each network and set of models once a run: it is only told, and decides nothing. */
const rules = new Map<string, Promise<ChainRules>>();

function rulesOf(worker: ResolvedWorker): Promise<ChainRules> {
  const { chainId, endpoints } = worker.network;
  const key = [chainId, endpoints.rpc, ...worker.models.map(({ name }) => name).sort()].join(" ");
  const known = rules.get(key);
  if (known !== undefined) return known;
  const asked = askRules(worker);
  rules.set(key, asked);
  return asked;
}

async function askRules({ network, models }: ResolvedWorker): Promise<ChainRules> {
  const { client, contracts } = await chainOf(network);
  const block = await answered(client.getBlockNumber());
  return contractReads(client, contracts, block).rules(models.map(({ name }) => modelIdOf(name)));
}
