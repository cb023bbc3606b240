import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { because } from "../../machines/docker-engine.js";
import { noMoto } from "../../aws/moto.js";
import { openGround, type Ground } from "./ground.js";
import { everyType, places } from "./program.js";

const whyNot = noMoto();

interface Place {
  readonly instance: string;
  readonly volume: string;
  readonly zone: string;
  readonly bucket: string;
  readonly alias: string;
  readonly state: string;
}

/** One stack from its first preview to its end; each test begins where the one before it ended. */
describe.skipIf(whyNot !== undefined)(`every type of the aws stand-in, in two regions${because(whyNot)}`, () => {
  let ground: Ground;
  let first: Record<"here" | "there", Place>;
  const outputs = async () => (await ground.stack.outputs()) as unknown as typeof first;
  const other = { colour: "blue", instanceType: "t3.small", sizeGib: 9, retentionDays: 14 };
  beforeAll(async () => {
    ground = await openGround();
  });
  afterAll(() => ground?.end());

  test("is previewed without a call that changes anything", async () => {
    const { code, steps } = await ground.stack.preview(everyType(ground.image));
    expect(code).toBe(0);
    expect(steps).toHaveLength(46);
    expect(ground.recorder.changes()).toEqual([]);
    expect(await ground.everything()).toEqual([]);
  });

  test("is made, each with its region, a name of its own and what the program asks it for", async () => {
    await ground.stack.done(everyType(ground.image));
    first = await outputs();
    expect(first.here).toMatchObject({ zone: places["us-east-1"], state: "running" });
    expect(first.there).toMatchObject({ zone: places["eu-west-1"], state: "running" });
    expect(first.here.bucket).toMatch(/^here-bucket-[0-9a-f]{7}$/);
    expect(first.here.alias).toMatch(/^alias\/here-alias-[0-9a-f]{7}$/);
    const { Volumes } = await ground.ec2("eu-west-1").describeVolumes({ VolumeIds: [first.there.volume] });
    expect(Volumes).toMatchObject([
      { Size: 8, VolumeType: "gp3", Encrypted: true, State: "in-use", Tags: [{ Key: "colour", Value: "red" }] },
    ]);
    expect(Volumes?.[0]?.Attachments).toMatchObject([
      { InstanceId: first.there.instance, Device: "/dev/sdf", State: "attached" },
    ]);
    const { Reservations } = await ground.ec2().describeInstances({ InstanceIds: [first.here.instance] });
    expect(Reservations?.[0]?.Instances?.[0]).toMatchObject({
      MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 1 },
      Tags: [{ Key: "colour", Value: "red" }],
    });
    // both regions, and IAM once: a type that made nothing would be missing
    expect(new Set((await ground.everything()).map((line) => line.replace(/ \S+$/, "")))).toEqual(
      new Set([
        ...["vpc", "subnet", "group", "gateway", "volume", "instance", "key", "alias", "topic", "subscription"],
        ...["budget", "log group", "alarm", "bucket", "role", "profile"],
      ]),
    );
  });

  test("is left alone by the next run, and found as it is by a refresh", async () => {
    ground.recorder.changes();
    expect((await ground.stack.done(everyType(ground.image))).steps).toEqual([]);
    expect(await ground.stack.refresh()).toMatchObject({
      code: 0,
      said: expect.stringContaining("47 unchanged") as string,
    });
    expect((await ground.stack.done(everyType(ground.image))).steps).toEqual([]);
    expect(ground.recorder.changes()).toEqual([]);
  });

  test("shows in a preview what a change would do, and does nothing", async () => {
    const { steps } = await ground.stack.preview(everyType(ground.image, other));
    expect(steps).toContain("update here-instance");
    expect(steps.filter((step) => !step.startsWith("update "))).toEqual([]);
    expect(ground.recorder.changes()).toEqual([]);
  });

  test("is changed in place where AWS can: the machine by a stop and a start, the volume as it is", async () => {
    const { steps } = await ground.stack.done(everyType(ground.image, other));
    expect(steps.filter((step) => !step.startsWith("update "))).toEqual([]);
    const heard = new Set(ground.recorder.changes());
    for (const operation of [
      ...["StopInstances", "ModifyInstanceAttribute", "StartInstances", "ModifyVolume", "PutRetentionPolicy"],
      ...["CreateTags", "TagRole", "TagInstanceProfile", "TagResource"],
    ])
      expect(heard).toContain(operation);
    const now = await outputs();
    expect([now.here.instance, now.there.volume]).toEqual([first.here.instance, first.there.volume]);
    const { Reservations } = await ground.ec2("eu-west-1").describeInstances({ InstanceIds: [now.there.instance] });
    expect(Reservations?.[0]?.Instances?.[0]).toMatchObject({
      ...{ InstanceType: "t3.small", State: { Name: "running" }, Tags: [{ Key: "colour", Value: "blue" }] },
    });
    expect((await ground.stack.done(everyType(ground.image, other))).steps).toEqual([]);
  });

  test("is made anew where it was taken away by somebody else, once a refresh has looked", async () => {
    const { here } = await outputs();
    await ground.ec2().terminateInstances({ InstanceIds: [here.instance] });
    const { logGroups = [] } = await ground.logs().describeLogGroups({});
    for (const { logGroupName } of logGroups) await ground.logs().deleteLogGroup({ logGroupName });
    await ground.ec2().createTags({ Resources: [here.volume], Tags: [{ Key: "colour", Value: "somebody's" }] });

    const { said } = await ground.stack.refresh();
    for (const gone of ["here-instance", "here-log", "here-attachment"])
      expect(said).toMatch(new RegExp(`aws:\\S+ ${gone}\\s+deleted`));
    const { steps } = await ground.stack.done(everyType(ground.image, other));
    expect(steps.filter((step) => step.startsWith("create "))).toEqual(
      expect.arrayContaining(["create here-instance", "create here-log", "create here-attachment"]),
    );
    expect(steps).toContain("update here-volume");
    const { Volumes } = await ground.ec2().describeVolumes({ VolumeIds: [here.volume] });
    expect(Volumes?.[0]?.Tags).toEqual([{ Key: "colour", Value: "blue" }]);
  });

  test("is gone after a destroy, and its buckets with what was in them", async () => {
    const { here } = await outputs();
    await ground.s3().putObject({ Bucket: here.bucket, Key: "a", Body: "b" });
    const { code, said } = await ground.stack.destroy();
    expect(code, said).toBe(0);
    expect(await ground.everything()).toEqual([]);
  });
});
