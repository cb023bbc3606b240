import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { QuotaTooSmall } from "../../../../../components/host/aws/preflight/errors.js";
import type { AwsWorker, RegionFacts } from "../../../../../components/host/aws/preflight/facts.js";
import { judge, type Judgement } from "../../../../../components/host/aws/preflight/judge.js";
import { quotaOf, vcpusBySize } from "../../../../../components/host/aws/preflight/quota.js";
import { spotWarning } from "../../../../../components/host/aws/preflight/spot.js";
import { gpuInstanceTypes } from "../../../../../components/host/aws/instance-types.js";
import { factsOf, region, workerOf, zones } from "./ground.js";

const judged = (workers: AwsWorker[], change: Partial<RegionFacts> = {}, account?: string): Judgement =>
  judge({ region, account, workers }, factsOf(change));
const refusalsOf = ({ refusals }: Judgement): string[] => refusals.map(({ what }) => what.message);
const warningsOf = ({ warnings }: Judgement): string[] => warnings.map(({ what }) => what);
const quota = (vcpus: number | null, change: Partial<RegionFacts["quotas"]> = {}): Partial<RegionFacts> => ({
  quotas: { ...factsOf().quotas, "L-DB2E81BA": { known: vcpus }, ...change },
});
const inUse = (vcpus: number, ...workers: string[]): Partial<RegionFacts> => ({
  running: { known: { vcpus: { "L-DB2E81BA": vcpus }, workers } },
});
const offered = (offers: Record<string, string[]>): Partial<RegionFacts> => ({ offers: { known: offers } });

const big = workerOf("home", { types: ["g4dn.xlarge", "g6.xlarge"] }, ["llama3-70b"]);

test("a region that has and allows what is wanted is nothing to speak of", () =>
  expect(judged([workerOf("home"), workerOf("far", { types: ["p5.4xlarge"] })], {}, "111122223333")).toEqual({
    refusals: [],
    warnings: [],
  }));

describe("what is refused", () => {
  test.each<[what: string, workers: AwsWorker[], facts: Partial<RegionFacts>, said: RegExp]>([
    [
      "a quota of 0, with the command that raises it",
      [workerOf("home")],
      quota(0),
      /^LF1824: In eu-test-1 this account may run 0 vCPUs \(Running On-Demand G and VT instances, L-DB2E81BA\), of which 0 are in use; home needs 4 more\. Next: aws service-quotas request-service-quota-increase --region eu-test-1 --service-code ec2 --quota-code L-DB2E81BA --desired-value 4 /,
    ],
    [
      "a quota that others use up",
      [workerOf("home")],
      { ...quota(8), ...inUse(6) },
      /may run 8 vCPUs .* 6 are in use; home needs 4 more\. .*--desired-value 10 /,
    ],
    [
      "a quota that is too small for all workers together",
      [workerOf("a"), workerOf("b"), workerOf("c", { types: ["g6.2xlarge"] })],
      quota(8),
      /a, b, c need 16 more\. .*--desired-value 16 /,
    ],
    [
      "a quota that is too small, what is in use being unknown",
      [workerOf("home")],
      { ...quota(0), running: { denied: "ec2:DescribeInstances" } },
      /of which an unknown number are in use.*--desired-value 4 /,
    ],
    [
      "spot by a quota of its own",
      [workerOf("home", { spot: true })],
      quota(64, { "L-3819A6DF": { known: 0 } }),
      /All G and VT Spot Instance Requests, L-3819A6DF/,
    ],
    [
      "an H100 by that of P types",
      [workerOf("home", { types: ["p5.4xlarge"] })],
      quota(64, { "L-417A185B": { known: 0 } }),
      /Running On-Demand P instances, L-417A185B.*home needs 16 more/,
    ],
    [
      "an H100 on spot by one more",
      [workerOf("home", { types: ["p5.4xlarge"], spot: true })],
      quota(64, { "L-C4BD4855": { known: 0 } }),
      /All P5 Spot Instance Requests, L-C4BD4855/,
    ],
    [
      "a quota that one worker needs, of that one alone",
      [workerOf("far", { types: ["p5.4xlarge"] }), workerOf("home")],
      quota(0),
      /L-DB2E81BA\), of which 0 are in use; home needs 4 more\. .*--desired-value 4 /,
    ],
    [
      "a quota that another takes up who could not have what he prefers",
      [workerOf("far", { types: ["p5.4xlarge", "g4dn.xlarge"] }), workerOf("home")],
      quota(4, { "L-417A185B": { known: 0 } }),
      /L-DB2E81BA\), .*; far, home need 8 more\. .*--desired-value 8 /,
    ],
    [
      "a type that is offered in other zones alone, with those",
      [workerOf("home", { zones: [`${region}a`] })],
      offered({ "g4dn.xlarge": [`${region}b`, `${region}c`] }),
      /^LF1825: In eu-test-1 none of the zones eu-test-1a has a type that worker home could use: AWS offers g4dn\.xlarge in eu-test-1b, eu-test-1c\. Next: name one of those zones/,
    ],
    [
      "a type that is offered nowhere in the region",
      [workerOf("home")],
      offered({}),
      /^LF1825: No zone of eu-test-1 .* g4dn\.xlarge in no zone\. Next: npx fleet fit llama3-8b --context 8192 --parallel 1 --region eu-test-1 /,
    ],
    [
      "a model that is too large for every type",
      [big],
      {},
      /^LF1826: Worker home: .* g4dn\.xlarge: llama3-70b takes 43\.8 GiB, it has 15\.0 GiB; g6\.xlarge: .* Next: npx fleet fit llama3-70b /,
    ],
    [
      "an architecture without an image",
      [workerOf("home")],
      { images: { x64: { known: null } } },
      /^LF1828: In eu-test-1 .* \/aws\/service\/deeplearning\/ami\/x86_64\/base-oss-nvidia-driver-gpu-ubuntu-24\.04\/latest\/ami-id\. Next: aws ec2 describe-images --region eu-test-1 /,
    ],
  ])("%s", (_, workers, facts, said) => {
    const refusals = refusalsOf(judged(workers, facts));
    expect(refusals).toHaveLength(1);
    expect(refusals[0]).toMatch(said);
  });

  test("another account than the one that was named, and then nothing else", () => {
    const refusals = refusalsOf(judged([workerOf("home")], quota(0), "999988887777"));
    expect(refusals).toHaveLength(1);
    expect(refusals[0]).toMatch(/^LF1821: .* 111122223333, and the program names 999988887777\. Next: log in to/);
  });

  test("one worker's trouble names that worker, and asks nothing of the quota for it", () => {
    const { refusals } = judged([big, workerOf("far")], quota(4));
    expect(refusals.map(({ worker, what }) => [worker, what.code])).toEqual([["home", "LF1826"]]);
  });
});

describe("what is not", () => {
  test.each<[what: string, workers: AwsWorker[], facts: Partial<RegionFacts>]>([
    ["a quota that is just enough", [workerOf("home")], { ...quota(8), ...inUse(4) }],
    ["a machine that there is, which is in what is in use", [workerOf("home")], { ...quota(4), ...inUse(4, "home") }],
    [
      "a machine that there is, of a type that is not offered any more",
      [workerOf("home")],
      { ...offered({}), ...inUse(4, "home") },
    ],
    ["an image that was named", [workerOf("home", { ami: "ami-12345678" })], { images: { x64: { known: null } } }],
    ["spot, by what may run on demand", [workerOf("home", { spot: true })], quota(0)],
  ])("%s", (_, workers, facts) => expect(judged(workers, facts)).toEqual({ refusals: [], warnings: [] }));

  test("a machine that there is does not make room for another worker's", () =>
    expect(refusalsOf(judged([workerOf("home"), workerOf("far")], { ...quota(4), ...inUse(4, "home") }))[0]).toMatch(
      /4 are in use; far needs 4 more/,
    ));
});

describe("what is warned of", () => {
  const both = workerOf("home", { types: ["g6.xlarge", "g4dn.xlarge"] });
  const firstOf = (found: Judgement): string => {
    expect(found.refusals).toEqual([]);
    expect(found.warnings).toHaveLength(1);
    return warningsOf(found)[0]!;
  };

  test.each<[what: string, worker: AwsWorker, facts: Partial<RegionFacts>, said: RegExp]>([
    [
      "another type than the preferred, for want of zones",
      both,
      offered({ "g4dn.xlarge": zones }),
      /^g6\.xlarge is passed over \(AWS offers it in no zone.*g4dn\.xlarge would be taken$/,
    ],
    [
      "another type than the preferred, for its size",
      workerOf("home", { types: ["g4dn.xlarge", "g6e.xlarge"] }, ["llama3-70b"]),
      {},
      /^g4dn\.xlarge is passed over \(llama3-70b takes 43\.8 GiB, it has 15\.0 GiB\): g6e\.xlarge would be taken$/,
    ],
    [
      "another type than the preferred, for the quota",
      workerOf("home", { types: ["g6.2xlarge", "g4dn.xlarge"] }),
      quota(4),
      /^the quota L-DB2E81BA leaves no room for g6\.2xlarge: g4dn\.xlarge would be taken$/,
    ],
    [
      "models that are loaded in turn",
      workerOf("home", {}, ["llama3-8b", "qwen3-vl:8b"]),
      {},
      /^on g4dn\.xlarge, only one model at a time: together they take 17\.\d GiB, .*cold start$/,
    ],
    ["a model of which nothing is known", workerOf("home", {}, ["stranger"]), {}, /no figures are known of stranger/],
    ["a quota that AWS does not name", workerOf("home"), quota(null), /AWS names no quota L-DB2E81BA/],
  ])("%s", (_, worker, facts, said) => expect(firstOf(judged([worker], facts))).toMatch(said));

  test.each<[action: string, change: Partial<RegionFacts>, open: string]>([
    [
      "ec2:DescribeInstanceTypeOfferings",
      { offers: { denied: "ec2:DescribeInstanceTypeOfferings" } },
      "which zones offer a type",
    ],
    ["ec2:DescribeInstances", { running: { denied: "ec2:DescribeInstances" } }, "what is in use of a quota"],
    [
      "servicequotas:GetServiceQuota",
      { quotas: { "L-DB2E81BA": { denied: "servicequotas:GetServiceQuota" } } },
      "how much may run",
    ],
    ["ssm:GetParameter", { images: { x64: { denied: "ssm:GetParameter" } } }, "which image is booted"],
  ])("%s that is not allowed", (action, change, open) =>
    expect(firstOf(judged([workerOf("home")], change))).toBe(
      `LF1830: In ${region} it is not known ${open}, since these credentials may not ask. Next: allow ${action} in the policy of whoever aws sts get-caller-identity names (docs/aws.md), or go on without`,
    ),
  );

  test("a permission that would tell nothing here is not asked for", () => {
    const denied = { spotPrices: { denied: "x" }, quotas: { ...factsOf().quotas, "L-417A185B": { denied: "y" } } };
    expect(judged([workerOf("home")], denied)).toEqual({ refusals: [], warnings: [] });
    expect(warningsOf(judged([workerOf("home", { spot: true })], denied))[0]).toMatch(/allow x in/);
  });
});

describe("whatever is wanted and in use", () => {
  const types = gpuInstanceTypes.filter(({ architecture }) => architecture === "x64").map(({ name }) => name);
  const someTypes = fc.uniqueArray(fc.constantFrom(...types), { minLength: 1, maxLength: 3 });
  const workers = fc
    .array(someTypes, { minLength: 1, maxLength: 5 })
    .map((all) => all.map((some, index) => workerOf(`w${index}`, { types: some })));
  const vcpus = fc.nat(80);

  test("the quota that a refusal asks for is enough, if only G types are wanted", () =>
    fc.assert(
      fc.property(workers, vcpus, vcpus, (all, allowed, used) => {
        const ofG = all.filter(({ machine }) => machine.types.every((type) => type.startsWith("g")));
        const before = judged(ofG, { ...quota(allowed), ...inUse(used) });
        for (const { what } of before.refusals) {
          if (!(what instanceof QuotaTooSmall)) throw what;
          const { desired } = what;
          expect(desired).toBeGreaterThan(allowed);
          expect(judged(ofG, { ...quota(desired), ...inUse(used) })).toEqual({ refusals: [], warnings: [] });
        }
      }),
    ));

  test("a refusal stands exactly where machines that come one by one, each of its first type that there is room for, do not all come", () =>
    fc.assert(
      fc.property(workers, vcpus, vcpus, (all, g, p) => {
        const room: Record<string, number> = { g, p };
        const come = all.every(({ machine }) => {
          const type = machine.types.find((name) => vcpusBySize(name)! <= room[name[0]!]!);
          if (type !== undefined) room[type[0]!]! -= vcpusBySize(type)!;
          return type !== undefined;
        });
        const { refusals } = judged(all, quota(g, { "L-417A185B": { known: p } }));
        // who finds no room is passed by those after him
        expect(refusals.length === 0).toBe(come);
      }),
    ));
});

test("every type of the table counts against a quota, with as many vCPUs as its size says", () => {
  for (const { name, vcpus } of gpuInstanceTypes) {
    expect([quotaOf(name, false), quotaOf(name, true)]).not.toContain(undefined);
    expect(vcpusBySize(name)).toBe(vcpus);
  }
  expect([vcpusBySize("g6f.large"), vcpusBySize("g5g.metal"), vcpusBySize("p4d.24xlarge")]).toEqual([2, undefined, 96]);
  expect([quotaOf("vt1.3xlarge", false), quotaOf("gr6.4xlarge", true)]).toEqual(["L-DB2E81BA", "L-3819A6DF"]);
  expect([quotaOf("p4d.24xlarge", true), quotaOf("m7i.large", false)]).toEqual(["L-7212CCBC", undefined]);
});

test.each<[ack: bigint, completion: bigint, said: RegExp | undefined]>([
  [0n, 0n, undefined],
  [0n, 500n, /^LF1831: .* costs 5 % of the network's minimum stake, or 0 % if it was not acknowledged/],
  [25n, 0n, /costs 0 % .*or 0\.25 %/],
])("spot where %d and %d are slashed", (ack, completion, said) => {
  const warning = spotWarning({ ack, completion });
  if (said === undefined) expect(warning).toBeUndefined();
  else expect(warning).toMatch(said);
});
