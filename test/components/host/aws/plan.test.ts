import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { awsMachineSchema } from "../../../../components/host/aws/args.js";
import { AwsRegion } from "../../../../components/host/aws/region.js";
import shapes from "../../../plugins/aws/shapes.json";
import { breaches, changedPlan, violations, type Planned } from "./rules.js";

let folder: string;
const made: Planned[] = [];
/** What sidecars in a region that tells everything, and in one that tells nothing, are set up with. */
let told: ReturnType<AwsRegion["told"]>[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fl-"));
  mkdirSync(join(folder, "bundle"));
  const manifest = { version: 1, hash: `0x${"ab".repeat(32)}`, fleet: "0", node: "v24.0.0", files: {} };
  writeFileSync(join(folder, "bundle", "manifest.json"), JSON.stringify(manifest));
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        made.push({ type, name, inputs: inputs as Record<string, unknown> });
        const chosen = { type: "g6.xlarge", zone: "eu-central-1a", ami: "ami-01234567", token: name };
        const reference = { kind: "ssm", instance: "i-01234567", name };
        const arn = /LogGroup/.test(type) ? `arn:aws:logs:eu-central-1:1:log-group:/${name}` : `arn:aws:s3:::${name}`;
        const computed = type.includes("Placement")
          ? chosen
          : { ollamaUrl: "http://127.0.0.1:11500", arn, bucket: name, reference };
        return { id: `id-of-${name}`, state: { ...(inputs as object), ...computed } };
      },
      call: () => ({}),
    },
    "fleet",
    "test",
  );
  const common = {
    ...{ ollama: "/usr/local/bin/ollama", ollamaPort: 11_500, root: "/var/lib/lightchain-fleet", bootMs: 1 },
    ...{ bundle: join(folder, "bundle"), ready: pulumi.output(undefined), models: ["llama3-8b"] },
  };
  const zones = ["eu-central-1a", "eu-central-1c"];
  const alarms = { email: "me@example.org" };
  const plain = new AwsRegion("frankfurt", {
    region: "eu-central-1",
    egressPorts: [8_545],
    tags: { team: "gpu" },
    alarms,
    logs: { days: 30 },
    budget: { usd: 900, email: "me@example.org", byTag: true },
  });
  const own = new AwsRegion("ireland", { region: "eu-west-1", network: { zones } });
  const subnets = { "eu-central-1a": "subnet-01234567" };
  const given = new AwsRegion("given", { region: "eu-central-1", network: { vpc: "vpc-1", subnets } });
  const machine = awsMachineSchema.parse({ types: ["g6.xlarge"] });
  const spot = awsMachineSchema.parse({ types: ["g6.xlarge"], spot: true, journalGiB: 8, rootGiB: 200 });
  const hosts = [
    plain.machine("anna-host", { ...common, machine, worker: "anna" }),
    own.machine("berta-host", { ...common, machine: spot, worker: "berta", host: "b2" }),
    given.machine("carla-host", { ...common, machine, worker: "carla" }),
  ];
  const [anna, berta] = hosts;
  plain.watch({ worker: "anna", gpu: true, spot: false, leaving: false }, anna!, { parent: plain });
  plain.watch({ worker: "dora", gpu: false, spot: true, leaving: true }, anna!, { parent: plain });
  own.watch({ worker: "berta", gpu: true, spot: false, leaving: false }, berta!, { parent: own });
  told = [plain, own].map((region) => region.told({ worker: "anna", gpu: true }));
  for (const { ollamaUrl } of hosts) await new Promise<void>((resolve) => ollamaUrl.apply(() => resolve()));
});
afterAll(() => rmSync(folder, { recursive: true }));

const named = (type: string, name: string): Readonly<Record<string, unknown>> =>
  made.find((one) => one.type === type && one.name === name)!.inputs;

describe("what is made in a region", () => {
  test("breaks no rule", () => expect(violations(made)).toEqual([]));

  test("is shared once, and a machine is an instance, its journals' disk and what makes them a host", () => {
    const counts = made
      .filter(({ name }) => /^(frankfurt|anna)/.test(name))
      .map(({ type, name }) => `${type.replace(/^.*:/, "")} ${name}`);
    expect(counts.sort()).toMatchInlineSnapshot(`
      [
        "AwsHost anna-host",
        "AwsRegion frankfurt",
        "Bucket frankfurt-bundles",
        "BucketLifecycleConfiguration frankfurt-bundles",
        "BucketPolicy frankfurt-bundles",
        "BucketPublicAccessBlock frankfurt-bundles",
        "BucketServerSideEncryptionConfiguration frankfurt-bundles",
        "Budget frankfurt-budget",
        "Host anna-host-machine",
        "Instance anna-host",
        "InstanceProfile frankfurt-machine",
        "JournalDisk anna-host-journals",
        "LogGroup frankfurt-logs",
        "MetricAlarm anna-disk",
        "MetricAlarm anna-gas",
        "MetricAlarm anna-gpu",
        "MetricAlarm anna-heartbeat",
        "MetricAlarm anna-host-hardware",
        "MetricAlarm anna-host-system",
        "MetricAlarm anna-offence",
        "MetricAlarm anna-ollama",
        "MetricAlarm anna-other",
        "Placement anna-host-placement",
        "Remnants frankfurt-remnants",
        "Role frankfurt-machine",
        "Role frankfurt-return",
        "RolePolicy frankfurt-machine",
        "RolePolicy frankfurt-return",
        "SecurityGroup frankfurt-machine",
        "Topic frankfurt-alarms",
        "TopicSubscription frankfurt-alarms",
        "Volume anna-host-journals",
        "VolumeAttachment anna-host-journals",
      ]
    `);
  });

  test("and what may be taken away as a killed run's is known by the machine's own placement, whatever others call theirs", () => {
    const { tags } = named("pulumi-nodejs:dynamic/lightchain:JournalDisk", "anna-host-journals");
    expect(tags).toEqual({ "lightchain:placement": "anna-host-placement" });
    for (const [type, name] of [
      ["ec2/instance:Instance", "anna-host"],
      ["ebs/volume:Volume", "anna-host-journals"],
    ])
      expect(named(`aws:${type}`, name!)["tags"]).toMatchObject(tags as object);
  });

  test("lets machines call the network's ports and AWS, and nothing else", () => {
    const { egress } = named("aws:ec2/securityGroup:SecurityGroup", "frankfurt-machine") as {
      egress: { fromPort: number }[];
    };
    expect(egress.map(({ fromPort }) => fromPort)).toEqual([443, 8_545]);
  });

  test("is where it was asked to be: in the account's own network, in one that is made, or in a given one", () => {
    const instance = (name: string) => named("aws:ec2/instance:Instance", name);
    expect(instance("anna-host")).toMatchObject({ availabilityZone: "eu-central-1a" });
    expect(instance("anna-host")["subnetId"]).toBeUndefined();
    expect(instance("berta-host")["subnetId"]).toBe("id-of-ireland-eu-central-1a");
    expect(instance("carla-host")["subnetId"]).toBe("subnet-01234567");
    const { machine } = named("pulumi-nodejs:dynamic/lightchain:Placement", "carla-host-placement");
    expect(machine).toMatchObject({ zones: ["eu-central-1a"] });
  });

  test("on spot is stopped when AWS wants it back, and comes back; on demand there is no such thing", () => {
    expect(named("aws:ec2/instance:Instance", "berta-host")).toMatchObject({
      instanceMarketOptions: {
        marketType: "spot",
        spotOptions: { spotInstanceType: "persistent", instanceInterruptionBehavior: "stop" },
      },
      rootBlockDevice: { volumeSize: 200 },
    });
    expect(named("aws:ec2/instance:Instance", "anna-host")["instanceMarketOptions"]).toBeUndefined();
  });
});

test("a machine on failing hardware is moved, and somebody told; on spot nobody moves it, and an alarm for nobody is none", () => {
  const actions = (name: string) => named("aws:cloudwatch/metricAlarm:MetricAlarm", name)["alarmActions"];
  expect(actions("anna-host-hardware")).toEqual([
    "arn:aws:automate:eu-central-1:ec2:recover",
    "arn:aws:s3:::frankfurt-alarms",
  ]);
  expect(actions("carla-host-hardware")).toHaveLength(1);
  expect(alarmsOf(/-host-/)).toEqual(["anna-host-hardware", "anna-host-system", "carla-host-hardware"]);
});

const alarmsOf = (name: RegExp): string[] =>
  made.flatMap((one) => (one.type.endsWith(":MetricAlarm") && name.test(one.name) ? [one.name] : [])).sort();

describe("what is told of a worker", () => {
  const alarm = (name: string) => named("aws:cloudwatch/metricAlarm:MetricAlarm", name);
  const parts = (worker: string): string[] =>
    alarmsOf(new RegExp(`^${worker}-(?!host)`)).map((name) => name.slice(worker.length + 1));

  test("is what there is of it: a GPU, a machine that may be taken back, somebody to be told", () => {
    const always = ["disk", "gas", "heartbeat", "offence", "ollama", "other"];
    expect(parts("anna")).toEqual([...always, "gpu"].sort());
    expect(parts("dora")).toEqual([...always, "interruption"].sort());
    expect(parts("berta")).toEqual([]);
  });

  test("goes by its own metrics alone, to the region's topic, and says what to do next", () => {
    for (const name of alarmsOf(/^anna-(?!host)/))
      expect(alarm(name)).toMatchObject({
        ...{ name: `fleet/test ${name}`, namespace: "Lightchain", alarmActions: ["arn:aws:s3:::frankfurt-alarms"] },
        dimensions: { Stack: "fleet/test", Worker: "anna" },
        alarmDescription: expect.stringMatching(/anna.*Next: .*(npx fleet|--target i-01234567)/) as string,
      });
  });

  test.each([
    ["anna-heartbeat", { metricName: "worker_up", evaluationPeriods: 5, treatMissingData: "breaching" }],
    ["anna-gpu", { metricName: "worker_gpu_used", threshold: 1, treatMissingData: "notBreaching" }],
    ["anna-disk", { threshold: 0.1, comparisonOperator: "LessThanThreshold", treatMissingData: "notBreaching" }],
    ["anna-gas", { statistic: "Sum", comparisonOperator: "GreaterThanThreshold", treatMissingData: "notBreaching" }],
  ])("%s is raised by %j", (name, how) => expect(alarm(name)).toMatchObject(how));

  test("is not that it is silent, where it leaves and may rest meanwhile", () => {
    expect(alarm("dora-heartbeat")["actionsEnabled"]).toBe(false);
    for (const name of ["anna-heartbeat", "dora-offence"]) expect(alarm(name)["actionsEnabled"]).toBeUndefined();
  });

  test("comes from a sidecar that is set up for it, and of a region that tells nobody from none", () => {
    const dimensions = { Stack: "fleet/test", Worker: "anna" };
    expect(told).toMatchObject([{ region: "eu-central-1", gpu: true, dimensions }, null]);
  });
});

test("a machine may tell what is asked for and no more", () => {
  const sids = (name: string) =>
    [...String(named("aws:iam/rolePolicy:RolePolicy", name)["policy"]).matchAll(/"Sid":"(\w+)"/g)].map(
      ([, sid]) => sid,
    );
  expect(sids("frankfurt-machine")).toEqual(["TakeCommands", "TellMetrics", "TellLogLines"]);
  expect(sids("ireland-machine")).toEqual(["TakeCommands"]);
});

test("lines are kept for so long, and a budget counts what the stack has in the region", () => {
  expect(named("aws:cloudwatch/logGroup:LogGroup", "frankfurt-logs")).toMatchObject({
    ...{ namePrefix: "/lightchain/fleet/test/frankfurt-", retentionInDays: 30 },
  });
  expect(named("aws:budgets/budget:Budget", "frankfurt-budget")).toMatchObject({
    ...{ limitAmount: "900", limitUnit: "USD", timeUnit: "MONTHLY" },
    costFilters: [
      { name: "Region", values: ["eu-central-1"] },
      { name: "TagKeyValue", values: ["user:lightchain:stack$fleet/test"] },
    ],
    notifications: [
      { notificationType: "ACTUAL", threshold: 80, subscriberEmailAddresses: ["me@example.org"] },
      { notificationType: "FORECASTED", threshold: 100 },
    ],
  });
});

test.each([
  [{ logs: { days: 8 } }, /LF1805: Region r: logs.days/],
  [{ budget: { usd: 0, email: "me@example.org" } }, /LF1805: Region r: budget.usd/],
  [{ budget: { usd: 1, email: "me" } }, /LF1805: Region r: budget.email/],
  [{ alarms: { email: "nobody" } }, /LF1805: Region r: alarms/],
  [{ alarms: { mail: "me@example.org" } }, /LF1805: Region r: alarms/],
  [{ logs: { days: 7, hours: 1 } }, /LF1805: Region r: logs/],
])("before anything is made, %j is refused", (wrong, said) => {
  const before = made.length;
  expect(() => new AwsRegion("r", { region: "eu-central-1", ...(wrong as object) })).toThrow(said);
  expect(made.slice(before).filter(({ type }) => type.startsWith("aws:"))).toEqual([]);
});

test.each(breaches)("%s is found by the rules", (_, type, change, said) => {
  expect(violations(changedPlan(made, type, change)).join("\n")).toMatch(said);
});

test.each(
  [...new Set(Object.keys(shapes))].filter((type) => made.some((one) => one.type === type && "tags" in one.inputs)),
)("a %s without tags is found by the rules", (type) => {
  const bare = changedPlan(made, new RegExp(`^${type}$`), (one) => (one["tags"] = { team: "gpu" }));
  expect(violations(bare).join("\n")).toContain(`(${type}): is not tagged`);
});

test("a bucket without one of its guards, and what no rule knows, are found by the rules", () => {
  for (const guard of [/ServerSide/, /PublicAccess/, /BucketPolicy/])
    expect(violations(made.filter(({ type }) => !guard.test(type))).join("\n")).toMatch(/has no aws:s3/);
  const further = { type: "aws:ec2/eip:Eip", name: "a", inputs: {} };
  expect(violations([...made, further])).toEqual(["a (aws:ec2/eip:Eip): is of a type that no rule knows"]);
});
