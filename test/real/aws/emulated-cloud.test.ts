import {
  AttachVolumeCommand,
  CreateCapacityReservationCommand,
  CreateVolumeCommand,
  DeleteVolumeCommand,
  DescribeCapacityReservationsCommand,
  DescribeInstancesCommand,
  DescribeInstanceTypeOfferingsCommand,
  CancelCapacityReservationCommand,
  DetachVolumeCommand,
  EC2Client,
  RebootInstancesCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
  type _InstanceType,
} from "@aws-sdk/client-ec2";
import { CreateScheduleCommand, ListSchedulesCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import { GetServiceQuotaCommand, ServiceQuotasClient } from "@aws-sdk/client-service-quotas";
import { GetCommandInvocationCommand, GetParameterCommand, SendCommandCommand, SSMClient } from "@aws-sdk/client-ssm";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../system/clock.js";
import { clientsOf } from "./clients.js";
import { noCloud, startCloud, type EmulatedCloud } from "./cloud.js";
import { useEnvironment } from "./ground.js";
import { images } from "./images.js";
import { opened } from "./opened.js";
import { because } from "../machines/docker-engine.js";

const whyNot = noCloud();
const region = "eu-central-1";
const [type, zone] = ["g4dn.xlarge", `${region}a`] as const;

/** Counts how often it was run, and lets commands come only then. */
const userData = `#!/bin/sh
echo "told of $AWS_EC2_METADATA_SERVICE_ENDPOINT" >>/var/lib/runs
systemctl enable --now amazon-ssm-agent.service
`;

describe.skipIf(whyNot !== undefined)(`the emulated cloud${because(whyNot)}`, () => {
  let cloud: EmulatedCloud;
  let ec2: EC2Client;
  let ssm: SSMClient;
  /** The instance that most tests use, one after the other. */
  let id: string;
  beforeAll(async () => {
    cloud = await startCloud();
    useEnvironment(cloud.env);
    [ec2, ssm] = [new EC2Client({ region }), new SSMClient({ region })];
    id = await run({ userData });
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    ec2?.destroy();
    ssm?.destroy();
    await cloud?.stop();
  });

  const run = async (of: { userData?: string; type?: string; spot?: "stop" | "terminate"; shutdown?: "terminate" }) => {
    const { Instances } = await ec2.send(
      new RunInstancesCommand({
        ImageId: images.x86_64,
        InstanceType: (of.type ?? type) as _InstanceType,
        Placement: { AvailabilityZone: zone },
        MinCount: 1,
        MaxCount: 1,
        UserData: Buffer.from(of.userData ?? "").toString("base64"),
        InstanceInitiatedShutdownBehavior: of.shutdown ?? "stop",
        ...(of.spot === undefined
          ? {}
          : {
              InstanceMarketOptions: {
                MarketType: "spot",
                SpotOptions: { SpotInstanceType: "persistent", InstanceInterruptionBehavior: of.spot },
              },
            }),
      }),
    );
    return Instances![0]!.InstanceId!;
  };
  const described = async (one: string) =>
    (await ec2.send(new DescribeInstancesCommand({ InstanceIds: [one] }))).Reservations![0]!.Instances![0]!;
  const send = (one: string, script: string) =>
    ssm.send(
      new SendCommandCommand({
        InstanceIds: [one],
        DocumentName: "AWS-RunShellScript",
        TimeoutSeconds: 60,
        Parameters: { commands: [script], executionTimeout: ["60"] },
      }),
    );
  const command = async (one: string, script: string): Promise<string | undefined> => {
    const { Command } = await send(one, script);
    for (;;) {
      const asked = new GetCommandInvocationCommand({ CommandId: Command!.CommandId!, InstanceId: one });
      const { Status, StandardOutputContent } = await ssm.send(asked);
      if (Status !== "Pending" && Status !== "InProgress") return `${Status} ${StandardOutputContent?.trim()}`;
      await systemClock.sleep(50);
    }
  };
  /** Asks an instance's metadata from the instance. */
  const fact = async (one: string, path: string) =>
    (await cloud.machineOf(one))
      .run([
        "sh",
        "-c",
        `. /etc/environment; at=$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest
token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $at/api/token)
curl -sS -w ' %{http_code}' -H "X-aws-ec2-metadata-token: $token" $at/meta-data/${path}`,
      ])
      .then(({ stdout }) => stdout);

  test("boots an instance that runs its user data, and takes commands once that lets it", async () => {
    const held = await run({ userData: userData.replace("\n", "\nmkfifo /run/go; cat /run/go\n") });
    expect((await described(held)).State?.Name).toMatch(/pending|running/);
    const machine = await cloud.machineOf(held);
    await expect(send(held, "true")).rejects.toMatchObject({ name: "InvalidInstanceId" });
    await vi.waitFor(() => machine.must(["test", "-p", "/run/go"]), { timeout: 60_000 });
    expect((await described(held)).State?.Name).toBe("running");
    expect((await machine.run(["systemctl", "is-enabled", "amazon-ssm-agent"])).stdout).toBe("disabled\n");
    await expect(send(held, "true")).rejects.toMatchObject({ name: "InvalidInstanceId" });
    await machine.must(["sh", "-c", "echo >/run/go"]);
    await cloud.agentOf(held);
    expect(await command(held, "hostname; id -u")).toBe(`Success ${machine.name}\n0`);
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [held] }));
    expect((await described(held)).State?.Name).toBe("shutting-down");
    await cloud.becomes(held, "terminated");
    expect((await machine.run(["true"])).code).not.toBe(0);
    expect(Buffer.concat(opened(cloud.said)).toString()).toContain("mkfifo /run/go");
  });

  test("boots one in another region, where alone its commands are taken", async () => {
    const there = "us-east-1";
    const [ec2There, ssmThere] = [new EC2Client({ region: there }), new SSMClient({ region: there })];
    const aws = clientsOf(cloud.endpoint);
    const iam = (params: Record<string, string>) => aws.form("iam", there, "2010-05-08", params);
    await iam({ Action: "CreateRole", RoleName: "worker", AssumeRolePolicyDocument: "{}" });
    await iam({ Action: "CreateInstanceProfile", InstanceProfileName: "profile" });
    await iam({ Action: "AddRoleToInstanceProfile", InstanceProfileName: "profile", RoleName: "worker" });
    const { Instances } = await ec2There.send(
      new RunInstancesCommand({
        ...{ ImageId: images.x86_64, InstanceType: type, MinCount: 1, MaxCount: 1 },
        IamInstanceProfile: { Name: "profile" },
        UserData: Buffer.from(userData).toString("base64"),
        TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "worker", Value: "there" }] }],
      }),
    );
    const abroad = Instances![0]!.InstanceId!;
    await cloud.agentOf(abroad);
    expect(await fact(abroad, "placement/region")).toBe(`${there} 200`);
    expect(await fact(abroad, "iam/security-credentials/")).toBe("worker 200");
    expect(await fact(abroad, "iam/security-credentials/worker")).toMatch(/"AccessKeyId".* 200$/);
    expect(await fact(abroad, "iam/security-credentials/other")).toMatch(/ 404$/);
    await expect(send(abroad, "true")).rejects.toMatchObject({ name: "InvalidInstanceId" });
    const tagged = new SendCommandCommand({
      ...{
        Targets: [{ Key: "tag:worker", Values: ["there"] }],
        DocumentName: "AWS-RunShellScript",
        TimeoutSeconds: 60,
      },
      Parameters: { commands: ["touch /root/came"], executionTimeout: ["60"] },
    });
    await ssmThere.send(tagged);
    const machine = await cloud.machineOf(abroad);
    await vi.waitFor(() => machine.must(["test", "-e", "/root/came"]), { timeout: 10_000 });
    await ec2There.send(new TerminateInstancesCommand({ InstanceIds: [abroad] }));
    const without = { Action: "RemoveRoleFromInstanceProfile", InstanceProfileName: "profile", RoleName: "worker" };
    await iam(without);
    await expect(iam(without)).rejects.toThrow("NoSuchEntity");
    await iam({ Action: "DeleteInstanceProfile", InstanceProfileName: "profile" });
    await iam({ Action: "DeleteRole", RoleName: "worker" });
    for (const client of [ec2There, ssmThere]) client.destroy();
    aws.close();
  });

  test("tells an instance of itself, for a token", async () => {
    const machine = await cloud.machineOf(id);
    expect(await machine.booted()).toBe("running");
    const bare = await machine.run([
      "curl",
      "-s",
      "-o",
      "/dev/null",
      "-w",
      "%{http_code}",
      `${machine.metadata}/latest/meta-data/instance-id`,
    ]);
    expect(bare.stdout).toBe("401");
    expect(await fact(id, "instance-id")).toBe(`${id} 200`);
    expect(await fact(id, "placement/availability-zone")).toBe(`${zone} 200`);
    expect(await fact(id, "spot/instance-action")).toMatch(/ 404$/);
  });

  test("stops it in order, and starts it with its disk, where user data is not run again", async () => {
    const machine = await cloud.machineOf(id);
    const slow =
      "[Service]\nExecStart=/bin/sleep infinity\nExecStop=/bin/sh -c 'sleep 2; echo stopped >/var/lib/in-order'\n";
    await machine.must(["sh", "-c", "cat >/etc/systemd/system/slow.service; systemctl start slow"], slow);
    const before = await machine.bootId();
    await ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
    expect((await described(id)).State?.Name).toBe("stopping");
    await expect(ec2.send(new StartInstancesCommand({ InstanceIds: [id] }))).rejects.toThrow(/is stopping/);
    await cloud.becomes(id, "stopped");
    expect((await described(id)).State?.Name).toBe("stopped");
    await expect(send(id, "true")).rejects.toMatchObject({ name: "InvalidInstanceId" });
    await ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
    expect(await machine.booted()).toBe("running");
    expect(await machine.bootId()).not.toBe(before);
    expect(await machine.must(["cat", "/var/lib/in-order", "/var/lib/runs"])).toBe(
      `stopped\ntold of ${machine.metadata}`,
    );
    expect(await command(id, "echo again")).toBe("Success again");
  });

  test("reboots it", async () => {
    const machine = await cloud.machineOf(id);
    const before = await machine.bootId();
    await ec2.send(new RebootInstancesCommand({ InstanceIds: [id] }));
    await machine.anotherBoot(before);
    expect(await machine.booted()).toBe("running");
    expect((await described(id)).State?.Name).toBe("running");
    expect(await machine.must(["cat", "/var/lib/runs"])).toBe(`told of ${machine.metadata}`);
  });

  test("sees when it switches itself off: it is stopped, or gone where that was asked for", async () => {
    const machine = await cloud.machineOf(id);
    await machine.run(["systemctl", "poweroff"]);
    await cloud.becomes(id, "stopped");
    expect((await described(id)).State?.Name).toBe("stopped");
    await ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
    const fleeting = await run({ userData: "#!/bin/sh\npoweroff\n", shutdown: "terminate" });
    await cloud.becomes(fleeting, "terminated");
    expect((await described(fleeting)).State?.Name).toBe("terminated");
    expect(await machine.booted()).toBe("running");
  });

  test("takes no command while its agent is off, and the one that waited when it is on again", async () => {
    cloud.agentOff(id);
    const { Command } = await send(id, "echo came");
    const machine = await cloud.machineOf(id);
    await machine.must(["systemctl", "restart", "amazon-ssm-agent"]); // which asks again, and is not let in
    const look = () => ssm.send(new GetCommandInvocationCommand({ CommandId: Command!.CommandId!, InstanceId: id }));
    expect((await look()).Status).toBe("Pending");
    cloud.agentOn(id);
    await vi.waitFor(async () => expect((await look()).Status).toBe("Success"), { timeout: 30_000 });
  });

  test("keeps what is on a volume from one instance to the next, and lets it be at one alone", async () => {
    const volume = (await ec2.send(new CreateVolumeCommand({ AvailabilityZone: zone, Size: 20 }))).VolumeId!;
    const attach = (one: string) =>
      ec2.send(new AttachVolumeCommand({ VolumeId: volume, InstanceId: one, Device: "/dev/sdf" }));
    const device = `/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volume.replace("-", "")}`;
    const unit = `[Mount]\nWhat=${device}\nWhere=/data\nType=ext4\n[Install]\nWantedBy=multi-user.target\n`;
    const mount = [
      "sh",
      "-c",
      "cat >/etc/systemd/system/data.mount; systemctl daemon-reload; systemctl enable --now data.mount",
    ];
    const first = await cloud.machineOf(id);
    await attach(id);
    await first.must(["mkfs.ext4", "-q", device]);
    await first.must(mount, unit);
    await first.must(["sh", "-c", "echo kept >/data/file"]);
    const second = await run({});
    const other = await cloud.machineOf(second);
    await other.booted();
    await expect(attach(second)).rejects.toThrow(/already attached/);
    await expect(ec2.send(new DetachVolumeCommand({ VolumeId: volume }))).rejects.toThrow(/is mounted on/);

    await ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
    await cloud.becomes(id, "stopped");
    await ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
    await first.booted();
    expect(await first.must(["cat", "/data/file"])).toBe("kept"); // mounted by systemd as it booted

    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    await cloud.becomes(id, "terminated");
    expect((await first.run(["true"])).code).not.toBe(0);
    await attach(second);
    await other.must(mount, unit);
    expect(await other.must(["cat", "/data/file"])).toBe("kept");
    await other.must(["systemctl", "disable", "--now", "data.mount"]);
    await ec2.send(new DetachVolumeCommand({ VolumeId: volume }));
    expect((await other.run(["test", "-e", device])).code).toBe(1);
    await ec2.send(new DeleteVolumeCommand({ VolumeId: volume }));
    id = second;
  });

  test("takes a spot instance back after saying so, and gives it back", async () => {
    const spot = await run({ spot: "stop" });
    const machine = await cloud.machineOf(spot);
    await machine.booted();
    cloud.spotNotice(spot, "rebalance");
    expect(await fact(spot, "events/recommendations/rebalance")).toMatch(/noticeTime.* 200$/);
    expect(await fact(spot, "spot/instance-action")).toMatch(/ 404$/);
    cloud.spotNotice(spot);
    expect(await fact(spot, "spot/instance-action")).toMatch(/^\{"action":"stop","time":"[\dT:-]+Z"\} 200$/);
    cloud.interrupt(spot);
    await cloud.becomes(spot, "stopped");
    expect((await described(spot)).StateReason?.Code).toBe("Server.SpotInstanceShutdown");
    await expect(ec2.send(new StartInstancesCommand({ InstanceIds: [spot] }))).rejects.toThrow(/AWS stopped/);
    await cloud.giveBack(spot);
    expect(await machine.booted()).toBe("running");
    expect(await fact(spot, "spot/instance-action")).toMatch(/ 404$/);
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [spot] }));
  });

  test("has no capacity when it is said to, but what is reserved", async () => {
    const reserved = {
      InstanceType: type,
      InstancePlatform: "Linux/UNIX",
      AvailabilityZone: zone,
      InstanceCount: 1,
    } as const;
    const reserve = () => ec2.send(new CreateCapacityReservationCommand(reserved));
    const { CapacityReservation } = await reserve();
    cloud.noCapacity(type, zone);
    await expect(reserve()).rejects.toMatchObject({ name: "InsufficientInstanceCapacity" });
    const one = await run({});
    await expect(run({})).rejects.toMatchObject({ name: "InsufficientInstanceCapacity" });
    const { CapacityReservations } = await ec2.send(new DescribeCapacityReservationsCommand({}));
    expect(CapacityReservations).toMatchObject([
      { ...CapacityReservation, AvailableInstanceCount: 0, State: "active" },
    ]);
    expect(await cloud.left(region)).toContain(
      `${region} capacity reservation ${CapacityReservation!.CapacityReservationId}`,
    );
    await ec2.send(
      new CancelCapacityReservationCommand({ CapacityReservationId: CapacityReservation!.CapacityReservationId }),
    );
    await cloud.machineOf(one);
    await ec2.send(new StopInstancesCommand({ InstanceIds: [one] }));
    await cloud.becomes(one, "stopped");
    const start = () => ec2.send(new StartInstancesCommand({ InstanceIds: [one] }));
    await expect(start()).rejects.toMatchObject({ name: "InsufficientInstanceCapacity" });
    cloud.capacityAgain(type);
    cloud.noCapacity(type, "any", 1); // of which an SDK's own tries are one
    await expect(start()).rejects.toMatchObject({ name: "InsufficientInstanceCapacity" });
    await start();
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [one] }));
    await cloud.becomes(one, "terminated");
  });

  test("offers types, quotas and images as it is told to", async () => {
    cloud.setOfferings(region, "g6.xlarge", [`${region}b`]);
    cloud.setQuota("L-DB2E81BA", 0, region);
    const { InstanceTypeOfferings } = await ec2.send(
      new DescribeInstanceTypeOfferingsCommand({
        LocationType: "availability-zone",
        Filters: [{ Name: "instance-type", Values: ["g6.xlarge"] }],
      }),
    );
    expect(InstanceTypeOfferings).toEqual([
      { InstanceType: "g6.xlarge", LocationType: "availability-zone", Location: `${region}b` },
    ]);
    await expect(run({ type: "g6.xlarge" })).rejects.toMatchObject({ name: "Unsupported" });
    const quotas = new ServiceQuotasClient({ region });
    const quota = async (QuotaCode: string) =>
      (await quotas.send(new GetServiceQuotaCommand({ ServiceCode: "ec2", QuotaCode }))).Quota?.Value;
    expect([await quota("L-DB2E81BA"), await quota("L-3819A6DF")]).toEqual([0, 64]);
    quotas.destroy();
    const Name = "/aws/service/deeplearning/ami/arm64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id";
    expect((await ssm.send(new GetParameterCommand({ Name }))).Parameter?.Value).toBe(images.arm64);
  });

  test("fires a schedule when its time has come, once, and deletes it", async () => {
    const iam = clientsOf(cloud.endpoint);
    await iam.form("iam", region, "2010-05-08", {
      Action: "CreateRole",
      RoleName: "wakes",
      AssumeRolePolicyDocument: "{}",
    });
    const scheduler = new SchedulerClient({ region });
    await ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
    await scheduler.send(
      new CreateScheduleCommand({
        Name: "wake",
        ScheduleExpression: "at(2030-07-01T08:00:00)",
        ScheduleExpressionTimezone: "Europe/Berlin",
        ActionAfterCompletion: "DELETE",
        FlexibleTimeWindow: { Mode: "OFF" },
        Target: {
          Arn: "arn:aws:scheduler:::aws-sdk:ec2:startInstances",
          RoleArn: "arn:aws:iam::123456789012:role/wakes",
          Input: JSON.stringify({ InstanceIds: [id] }),
        },
      }),
    );
    await cloud.becomes(id, "stopped");
    expect(await cloud.left()).toEqual(
      expect.arrayContaining([`${region} schedule default/wake`, "global role wakes"]),
    );
    expect(await cloud.fireSchedules(new Date("2030-07-01T05:59:00Z"))).toEqual([]);
    expect(await cloud.fireSchedules(new Date("2030-07-01T06:00:00Z"))).toEqual([`wake: startInstances ${id}`]);
    await cloud.becomes(id, "running");
    expect((await scheduler.send(new ListSchedulesCommand({}))).Schedules).toEqual([]);
    scheduler.destroy();
    await iam.form("iam", region, "2010-05-08", { Action: "DeleteRole", RoleName: "wakes" });
    iam.close();
  });

  test("has nothing left when everything is terminated", async () => {
    for (const one of cloud.instances())
      if (one.state !== "terminated") await ec2.send(new TerminateInstancesCommand({ InstanceIds: [one.id] }));
    for (const one of cloud.instances()) await cloud.becomes(one.id, "terminated");
    expect(await cloud.left()).toEqual([]);
  });
});
