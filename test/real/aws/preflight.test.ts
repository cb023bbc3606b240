import { createRequire } from "node:module";
import { Command } from "commander";
import type * as Ec2Module from "@aws-sdk/client-ec2";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { awsMachineSchema, type AwsMachine } from "../../../components/host/aws/args.js";
import { candidates } from "../../../components/host/aws/preflight/candidates.js";
import { knownOf, workerTag, type AwsWorker, type RegionFacts } from "../../../components/host/aws/preflight/facts.js";
import { judge } from "../../../components/host/aws/preflight/judge.js";
import { lookAtRegion } from "../../../components/host/aws/preflight/look.js";
import { needsOf } from "../../../components/models/needs.js";
import { addFitCommand } from "../../../scripts/ops/fit-command.js";
import { startFront, type Front, type Said } from "./front.js";
import { useEnvironment } from "./ground.js";
import { environmentFor, noMoto, startMoto, type EmulatedAws } from "./moto.js";

/* What a region is found to be by AWS's own SDK: from the emulated AWS, and where that has nothing or lets everybody in, from answers as AWS gives them. */

const types = ["g4dn.xlarge", "g6.xlarge", "g5g.xlarge", "p5.4xlarge"];
let moto: EmulatedAws;
let front: Front;

/** What the emulated AWS lacks: quotas of machines, and images that AWS publishes. */
const lacking = (action: string): Said | undefined => {
  if (action === "GetServiceQuota") return { body: { Quota: { Value: 8 } } };
  if (action === "GetParameter") return { body: { Parameter: { Value: "ami-0123456789abcdef0" } } };
  return undefined;
};
/** The same, but for what is said to one action. */
const but = (action: string, said: (body: string) => Said): Front["say"] => {
  return (asked, _, body) => (asked === action ? said(body) : lacking(asked));
};

const workerOf = (machine: Partial<AwsMachine> = {}): AwsWorker => ({
  name: "home",
  machine: awsMachineSchema.parse({ types: ["g4dn.xlarge"], ...machine }),
  models: [needsOf("llama3-8b")],
  contextTokens: 8_192,
  parallel: 1,
});
const judged = (
  facts: RegionFacts,
  worker: AwsWorker,
  account?: string,
): { refusals: string[]; warnings: string[] } => {
  const { refusals, warnings } = judge({ region: facts.region, account, workers: [worker] }, facts);
  return { refusals: refusals.map(({ what }) => what.message), warnings: warnings.map(({ what }) => what) };
};

describe.skipIf(noMoto() !== undefined)(`a region${noMoto() === undefined ? "" : `: ${noMoto()}`}`, () => {
  beforeAll(async () => {
    moto = await startMoto();
    front = await startFront(moto.endpoint);
  });
  beforeEach(() => {
    useEnvironment(environmentFor(front.endpoint));
    front.say = lacking;
    front.asked.length = 0;
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await front.stop();
    await moto.stop();
  });

  test("is read in one round: whose it is, what it offers, allows and costs", async () => {
    const facts = await lookAtRegion("eu-central-1", { types, spot: true });
    expect(facts).toMatchObject({
      region: "eu-central-1",
      account: "123456789012",
      quotas: Object.fromEntries(
        ["L-DB2E81BA", "L-417A185B", "L-3819A6DF", "L-C4BD4855"].map((code) => [code, { known: 8 }]),
      ),
      running: { known: { vcpus: {}, workers: [] } },
      images: { x64: { known: "ami-0123456789abcdef0" }, arm64: { known: "ami-0123456789abcdef0" } },
    });
    expect(knownOf(facts.offers)).toEqual({
      "g4dn.xlarge": ["eu-central-1a", "eu-central-1b", "eu-central-1c"],
      "g6.xlarge": ["eu-central-1a", "eu-central-1b", "eu-central-1c"],
      "g5g.xlarge": ["eu-central-1c"],
    });
    expect(knownOf(facts.spotPrices)?.["g5g.xlarge"]).toEqual({ "eu-central-1c": 0.00001 });
    expect(judged(facts, workerOf(), "123456789012")).toEqual({ refusals: [], warnings: [] });
    const actions = front.asked.map(({ action }) => action).sort();
    expect(actions.filter((action, index) => actions.indexOf(action) === index)).toEqual([
      "DescribeInstanceTypeOfferings",
      "DescribeInstances",
      "DescribeSpotPriceHistory",
      "GetCallerIdentity",
      "GetParameter",
      "GetServiceQuota",
    ]);
    // whose the credentials are is asked where every account may
    expect(front.asked.filter(({ region }) => region !== "eu-central-1")).toEqual([
      { action: "GetCallerIdentity", region: "us-east-1" },
    ]);
  });

  test("tells what runs, by quota, and whose of it is ours; what is stopped does not count", async () => {
    const { EC2Client, RunInstancesCommand, StopInstancesCommand } = createRequire(__filename)(
      "@aws-sdk/client-ec2",
    ) as typeof Ec2Module;
    const client = new EC2Client({ region: "eu-west-1" });
    const run = async (type: Ec2Module._InstanceType, worker?: string): Promise<string> => {
      const Tags = [{ Key: workerTag.replace("worker", "kind"), Value: "any" }];
      if (worker !== undefined) Tags.push({ Key: workerTag, Value: worker });
      const { Instances } = await client.send(
        new RunInstancesCommand({
          ...{ ImageId: "ami-12c6146b", InstanceType: type, MinCount: 1, MaxCount: 1 },
          TagSpecifications: [{ ResourceType: "instance", Tags }],
        }),
      );
      return Instances![0]!.InstanceId!;
    };
    await run("g4dn.xlarge", "home");
    await run("g5.2xlarge");
    await run("p3.2xlarge");
    await run("t3.large");
    const stopped = await run("g4dn.8xlarge", "far");
    await client.send(new StopInstancesCommand({ InstanceIds: [stopped] }));
    client.destroy();

    const facts = await lookAtRegion("eu-west-1", { types, spot: false });
    expect(knownOf(facts.running)).toEqual({ vcpus: { "L-DB2E81BA": 12, "L-417A185B": 8 }, workers: ["home"] });
    expect(facts.spotPrices).toBeNull();
    expect(judged(facts, workerOf())).toEqual({ refusals: [], warnings: [] }); // it is there
    expect(judged(facts, { ...workerOf(), name: "new" }).refusals[0]).toMatch(
      /may run 8 vCPUs .*of which 12 are in use; new needs 4 more\. .*--region eu-west-1 .*--desired-value 16 /,
    );
  });

  test("is shown by fleet fit, which asks nobody without one", async () => {
    const printed: string[] = [];
    const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => printed.push(String(text)) > 0);
    const fit = async (...args: string[]): Promise<string> => {
      const program = new Command();
      addFitCommand(program);
      await program.parseAsync(["fit", "llama3-8b", ...args], { from: "user" });
      return printed.splice(0).join("");
    };
    try {
      expect(await fit()).not.toContain("may run at a time");
      expect(front.asked).toEqual([]);
      const shown = await fit("--region", "eu-central-1");
      expect(shown).toMatch(/g5g\.xlarge .* c; spot 0\.00001 /);
      expect(shown).toContain("Account 123456789012 may run at a time in eu-central-1:");
      expect(shown).toContain("All P5 Spot Instance Requests (L-C4BD4855): 8 vCPUs, 0 in use");
    } finally {
      write.mockRestore();
    }
  });

  test("with a quota of 0 is refused with the command that raises it", async () => {
    front.say = but("GetServiceQuota", () => ({ body: { Quota: { Value: 0 } } }));
    const facts = await lookAtRegion("eu-west-2", { types, spot: false });
    expect(judged(facts, workerOf()).refusals[0]).toMatch(/^LF1824: .* 0 vCPUs .*--desired-value 4 /);
  });

  test("without a quota of the account's own has AWS's usual one", async () => {
    front.say = (action) => {
      if (action === "GetServiceQuota") return { refusal: "NoSuchResourceException" };
      return action === "GetAWSDefaultServiceQuota" ? { body: { Quota: { Value: 0 } } } : lacking(action);
    };
    const facts = await lookAtRegion("eu-west-2", { types: ["g4dn.xlarge"], spot: false });
    expect(facts.quotas).toEqual({ "L-DB2E81BA": { known: 0 } });
    front.say = (action) => (action.endsWith("Quota") ? { refusal: "NoSuchResourceException" } : lacking(action));
    const unknown = await lookAtRegion("eu-west-2", { types: ["g4dn.xlarge"], spot: false });
    expect(unknown.quotas).toEqual({
      "L-DB2E81BA": { known: null },
    });
    expect(judged(unknown, workerOf()).warnings[0]).toMatch(/AWS names no quota L-DB2E81BA/);
  });

  test("in which a type is offered in some zones alone has candidates there, and is refused for others", async () => {
    const facts = await lookAtRegion("eu-central-1", { types, spot: false });
    const arm = workerOf({ types: ["g5g.xlarge", "g6.xlarge"], zones: ["eu-central-1a"] });
    expect(candidates(arm, facts)).toEqual([{ type: "g6.xlarge", zone: "eu-central-1a" }]);
    expect(judged(facts, workerOf({ types: ["g5g.xlarge"], zones: ["eu-central-1a"] })).refusals[0]).toMatch(
      /^LF1825: .* AWS offers g5g\.xlarge in eu-central-1c\. Next: name one of those zones/,
    );
    expect(judged(facts, workerOf({ types: ["p5.4xlarge"] })).refusals[0]).toMatch(
      /^LF1825: No zone of eu-central-1 .*p5\.4xlarge in no zone/,
    );
  });

  test("without an image for the architecture is refused with the parameter", async () => {
    front.say = but("GetParameter", (body) =>
      body.includes("arm64") ? { refusal: "ParameterNotFound" } : (lacking("GetParameter") as Said),
    );
    const facts = await lookAtRegion("eu-central-1", { types, spot: false });
    expect(judged(facts, workerOf({ types: ["g5g.xlarge"] })).refusals[0]).toMatch(/^LF1828: .*\/ami\/arm64\/base-oss/);
    expect(judged(facts, workerOf()).refusals).toEqual([]);
  });

  test("of another account is refused with both", async () => {
    const facts = await lookAtRegion("eu-central-1", { types, spot: false });
    expect(judged(facts, workerOf(), "999988887777").refusals[0]).toMatch(/^LF1821: .* 123456789012, .* 999988887777/);
  });

  test.each([
    ["DescribeInstanceTypeOfferings", "UnauthorizedOperation", "ec2:DescribeInstanceTypeOfferings"],
    ["DescribeInstances", "UnauthorizedOperation", "ec2:DescribeInstances"],
    ["DescribeSpotPriceHistory", "UnauthorizedOperation", "ec2:DescribeSpotPriceHistory"],
    ["GetServiceQuota", "AccessDeniedException", "servicequotas:GetServiceQuota"],
    ["GetParameter", "AccessDeniedException", "ssm:GetParameter"],
  ])("that does not allow %s is warned of, once, and is gone on with", async (action, refusal, named) => {
    front.say = but(action, () => ({ refusal }));
    const facts = await lookAtRegion("eu-central-1", { types, spot: true });
    const { refusals, warnings } = judged(facts, workerOf({ spot: true }));
    expect(refusals).toEqual([]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(new RegExp(`^LF1830: In eu-central-1 .* Next: allow ${named} in the policy`));
  });

  test("that is not enabled is told apart from credentials that are bad", async () => {
    front.say = (action) =>
      action === "GetCallerIdentity"
        ? undefined
        : { refusal: action.startsWith("Get") ? "UnrecognizedClientException" : "AuthFailure" };
    await expect(lookAtRegion("me-south-1", { types, spot: false })).rejects.toMatchObject({
      code: "LF1822",
      fix: expect.stringContaining("aws account enable-region --region-name me-south-1") as string,
    });
    front.say = (action) => ({ refusal: action === "GetCallerIdentity" ? "InvalidClientTokenId" : "AuthFailure" });
    await expect(lookAtRegion("me-south-1", { types, spot: false })).rejects.toMatchObject({ code: "LF1820" });
    front.say = () => ({ refusal: "ExpiredToken" });
    await expect(lookAtRegion("me-south-1", { types, spot: false })).rejects.toMatchObject({
      code: "LF1820",
      message: expect.stringContaining("they have expired") as string,
    });
  });

  test("without credentials nothing is asked, and the line says how to get some", async () => {
    useEnvironment({ AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" });
    await expect(lookAtRegion("eu-west-3", { types, spot: false })).rejects.toMatchObject({
      code: "LF1820",
      fix: expect.stringContaining("aws sso login") as string,
    });
    expect(front.asked).toEqual([]);
  });

  test("throttling is waited out, and told when it goes on", async () => {
    let busy = 2;
    front.say = (action) =>
      action === "DescribeInstances" && busy-- > 0 ? { refusal: "RequestLimitExceeded" } : lacking(action);
    expect(knownOf((await lookAtRegion("eu-north-1", { types, spot: false })).running)).toEqual({
      vcpus: {},
      workers: [],
    });
    front.asked.length = 0;
    front.say = but("GetServiceQuota", () => ({ refusal: "TooManyRequestsException" }));
    await expect(lookAtRegion("eu-north-1", { types: ["g4dn.xlarge"], spot: false })).rejects.toMatchObject({
      code: "LF1827",
      message: expect.stringContaining("servicequotas:GetServiceQuota in eu-north-1") as string,
    });
    expect(front.asked.filter(({ action }) => action === "GetServiceQuota")).toHaveLength(6);
  });
});
