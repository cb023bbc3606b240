import { createRequire } from "node:module";
import type * as Ec2Module from "@aws-sdk/client-ec2";
import type * as QuotasModule from "@aws-sdk/client-service-quotas";
import type * as SsmModule from "@aws-sdk/client-ssm";
import { askAccount, homeOf } from "../../ssm/account.js";
import { gpuInstanceTypes } from "../instance-types.js";
import { AwsUnclear } from "./errors.js";
import {
  imageParameter,
  knownOf,
  workerTag,
  type Architecture,
  type Fact,
  type RegionFacts,
  type Running,
} from "./facts.js";
import { quotaOf, vcpusBySize, type QuotaCode } from "./quota.js";
import { refusalOf, type Question } from "./refusal.js";

/** What is to be found out about a region. */
export interface RegionQuestion {
  /** Types that come into question; of our table. */
  readonly types: readonly string[];
  /** Whether what AWS has to spare is asked about too: what it costs, and how much of it may run. */
  readonly spot: boolean;
}

/**
 * Reads what a region has, may and costs: one round of questions, all at the same time. What these credentials may not ask is left open, and named.
 * Changes nothing in AWS.
 *
 * @throws FleetError LF1820, LF1822, LF1823, LF1827, LF1829
 */
export async function lookAtRegion(region: string, { types, spot }: RegionQuestion): Promise<RegionFacts> {
  const aws = clientsIn(region);
  try {
    const codes = unique(
      types
        .flatMap((type) => [quotaOf(type, false), ...(spot ? [quotaOf(type, true)] : [])])
        .filter((code) => code !== undefined),
    );
    const architectures = unique(
      gpuInstanceTypes.filter(({ name }) => types.includes(name)).map(({ architecture }) => architecture),
    );
    const [account, offers, running, quotas, images, spotPrices] = await firstTroubleFirst(
      readAccount(region),
      asking({ action: "ec2:DescribeInstanceTypeOfferings", region }, () => readOffers(aws, types)),
      asking({ action: "ec2:DescribeInstances", region }, () => readRunning(aws)),
      forEach(codes, (code) => readQuota(aws, region, code)),
      forEach(architectures, (architecture) =>
        asking({ action: "ssm:GetParameter", region }, () => readImage(aws, architecture)),
      ),
      spot
        ? asking({ action: "ec2:DescribeSpotPriceHistory", region }, () => readSpotPrices(aws, types))
        : Promise.resolve(null),
    );
    return { region, account, quotas, running, offers, images, spotPrices };
  } finally {
    aws.close();
  }
}

const unique = <T>(some: readonly T[]): T[] => [...new Set(some)];

/** All of them once each has ended, or what failed first in their order: that credentials are bad, the first one tells, not a region that they are not taken in. */
async function firstTroubleFirst<T extends readonly unknown[]>(
  ...reads: { readonly [K in keyof T]: Promise<T[K]> }
): Promise<T> {
  await Promise.allSettled(reads);
  for (const read of reads) await read;
  return await Promise.all(reads);
}

async function forEach<K extends string, T>(
  keys: readonly K[],
  read: (key: K) => Promise<T>,
): Promise<Partial<Record<K, T>>> {
  const all = await Promise.all(keys.map(async (key) => [key, await read(key)] as const));
  return Object.fromEntries(all) as Partial<Record<K, T>>;
}

async function asking<T>(question: Question, work: () => Promise<T>): Promise<Fact<T>> {
  try {
    return { known: await work() };
  } catch (error) {
    return refusalOf(error, question);
  }
}

/** Whose the credentials are. */
async function readAccount(of: string): Promise<string> {
  const question = { action: "sts:GetCallerIdentity", region: homeOf(of), ofAccount: true };
  const account = knownOf(await asking(question, () => askAccount(of)));
  if (account === undefined) throw new AwsUnclear(question.action, question.region, "AWS names no account");
  return account;
}

async function readOffers({ ec2 }: Aws, types: readonly string[]): Promise<Record<string, string[]>> {
  const zones: Record<string, string[]> = {};
  const pages = ec2.paginateDescribeInstanceTypeOfferings(
    { client: ec2.client },
    { LocationType: "availability-zone", Filters: [{ Name: "instance-type", Values: [...types] }] },
  );
  for await (const { InstanceTypeOfferings = [] } of pages)
    for (const { InstanceType: type, Location: zone } of InstanceTypeOfferings)
      if (type !== undefined && zone !== undefined) (zones[type] ??= []).push(zone);
  for (const some of Object.values(zones)) some.sort();
  return zones;
}

async function readRunning({ ec2 }: Aws): Promise<Running> {
  const vcpus: Partial<Record<QuotaCode, number>> = {};
  const workers: string[] = [];
  const pages = ec2.paginateDescribeInstances(
    { client: ec2.client },
    { Filters: [{ Name: "instance-state-name", Values: ["running"] }] }, // no other state counts
  );
  for await (const { Reservations = [] } of pages)
    for (const one of Reservations.flatMap(({ Instances = [] }) => Instances)) {
      const type = one.InstanceType ?? "";
      const quota = quotaOf(type, one.InstanceLifecycle === "spot");
      if (quota !== undefined) vcpus[quota] = (vcpus[quota] ?? 0) + vcpusOf(type, one.CpuOptions);
      workers.push(...(one.Tags ?? []).flatMap(({ Key, Value }) => (Key === workerTag && Value ? [Value] : [])));
    }
  return { vcpus, workers };
}

const vcpusOf = (type: string, { CoreCount, ThreadsPerCore }: Ec2Module.CpuOptions = {}): number =>
  CoreCount === undefined ? (vcpusBySize(type) ?? 0) : CoreCount * (ThreadsPerCore ?? 1);

/** What applies to this account; AWS names that only where it ever differed, and else the default. `null`: no such quota there. */
async function readQuota({ quotas }: Aws, region: string, code: QuotaCode): Promise<Fact<number | null>> {
  const of = { ServiceCode: "ec2", QuotaCode: code };
  const applied = await asking({ action: "servicequotas:GetServiceQuota", region }, () =>
    ifThere("NoSuchResourceException", () => quotas.client.send(new quotas.GetServiceQuotaCommand(of))),
  );
  if ("denied" in applied) return applied;
  const value = applied.known?.Quota?.Value;
  if (value !== undefined) return { known: value };
  return asking({ action: "servicequotas:GetAWSDefaultServiceQuota", region }, async () => {
    const usual = await ifThere("NoSuchResourceException", () =>
      quotas.client.send(new quotas.GetAWSDefaultServiceQuotaCommand(of)),
    );
    return usual?.Quota?.Value ?? null;
  });
}

async function readImage({ ssm }: Aws, architecture: Architecture): Promise<string | null> {
  const answer = await ifThere("ParameterNotFound", () =>
    ssm.client.send(new ssm.GetParameterCommand({ Name: imageParameter(architecture) })),
  );
  return answer?.Parameter?.Value ?? null;
}

async function readSpotPrices({ ec2 }: Aws, types: readonly string[]): Promise<Record<string, Record<string, number>>> {
  const newest = new Map<string, number>();
  const prices: Record<string, Record<string, number>> = {};
  const pages = ec2.paginateDescribeSpotPriceHistory(
    { client: ec2.client },
    // From now on: of each type and zone the price that holds.
    {
      StartTime: new Date(),
      InstanceTypes: types.map((type) => type as Ec2Module._InstanceType),
      ProductDescriptions: ["Linux/UNIX"],
    },
  );
  for await (const { SpotPriceHistory = [] } of pages)
    for (const { InstanceType: type, AvailabilityZone: zone, SpotPrice, Timestamp } of SpotPriceHistory) {
      const price = Number(SpotPrice);
      const since = Timestamp?.getTime() ?? 0;
      if (type === undefined || zone === undefined || !(price > 0)) continue;
      if (since < (newest.get(`${type} ${zone}`) ?? -Infinity)) continue;
      newest.set(`${type} ${zone}`, since);
      (prices[type] ??= {})[zone] = price;
    }
  return prices;
}

/** @returns `undefined` when AWS says by that name that there is none */
async function ifThere<T>(absent: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && error.name === absent) return undefined;
    throw error;
  }
}

/** What a region is asked through, for one round. Loaded by whoever has a machine in AWS, and by nobody else. */
function clientsIn(region: string) {
  const load = createRequire(__filename);
  const ec2 = load("@aws-sdk/client-ec2") as typeof Ec2Module;
  const quotas = load("@aws-sdk/client-service-quotas") as typeof QuotasModule;
  const ssm = load("@aws-sdk/client-ssm") as typeof SsmModule;
  const settings = {
    region,
    retryMode: "adaptive",
    maxAttempts: 6,
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000 },
  } as const;
  const clients = {
    ec2: new ec2.EC2Client(settings),
    quotas: new quotas.ServiceQuotasClient(settings),
    ssm: new ssm.SSMClient(settings),
  };
  return {
    ec2: { ...ec2, client: clients.ec2 },
    quotas: { ...quotas, client: clients.quotas },
    ssm: { ...ssm, client: clients.ssm },
    // or their open connections would keep the program from ending for a while
    close: () => Object.values(clients).forEach((client) => client.destroy()),
  };
}
type Aws = ReturnType<typeof clientsIn>;
