import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { because } from "../../machines/docker-engine.js";
import { noMoto } from "../../aws/moto.js";
import { until } from "../../scripts/until.js";
import { openGround, processesWith, type Ground } from "./ground.js";

const whyNot = noMoto();

describe.skipIf(whyNot !== undefined)(`the aws stand-in${because(whyNot)}`, () => {
  let ground: Ground;
  const machine = (more = ""): string =>
    `const a = new aws.ec2.Instance("a", { ami: "${ground.image}", instanceType: "t3.micro", ${more} });`;
  beforeEach(async () => {
    ground = await openGround();
  });
  afterEach(() => ground.end());

  test("makes another one before the former goes, or after it where there cannot be two", async () => {
    const program = (description: string, path: string): string => `
      const assumeRolePolicy = JSON.stringify({ Version: "2012-10-17", Statement: [] });
      const group = new aws.ec2.SecurityGroup("group", { description: "${description}" });
      new aws.iam.Role("role", { name: "mine", path: "${path}", assumeRolePolicy });
      exports.name = group.name;`;
    await ground.stack.done(program("one", "/one/"));
    const before = await ground.stack.outputs();
    const { steps } = await ground.stack.done(program("two", "/two/"));
    const of = (name: string): string[] => steps.filter((step) => step.endsWith(` ${name}`));
    expect(of("group")).toEqual(["create-replacement group", "replace group", "delete-replaced group"]);
    expect(of("role")).toEqual(["delete-replaced role", "replace role", "create-replacement role"]);
    expect(await ground.stack.outputs()).not.toEqual(before); // its name is another, so that both could be
    expect((await ground.stack.destroy()).code).toBe(0);
    expect(await ground.everything()).toEqual([]);
  });

  test("changes a machine's user data by a stop and a start, and by another machine where that counts", async () => {
    const program = (more: string): string => `${machine(more)}\nexports.id = a.id;`;
    const id = async () => (await ground.stack.outputs())["id"];
    await ground.stack.done(program(`userData: "one"`));
    const first = await id();
    const twice = Buffer.from(Buffer.from("two").toString("base64")).toString("base64"); // moto takes no other for a change
    expect((await ground.stack.done(program(`userData: "${twice}"`))).steps).toEqual(["update a"]);
    expect(ground.recorder.changes().slice(-3)).toEqual(["StopInstances", "ModifyInstanceAttribute", "StartInstances"]);
    expect(await id()).toBe(first);
    const { steps } = await ground.stack.done(program(`userData: "three", userDataReplaceOnChange: true`));
    expect(steps).toEqual(["create-replacement a", "replace a", "delete-replaced a"]);
    expect(await id()).not.toBe(first);
  });

  test("says what AWS says, in the words of the real one", async () => {
    const words = "We currently do not have sufficient g6.xlarge capacity in the zone you requested.";
    ground.recorder.refuse("RunInstances", "InsufficientInstanceCapacity", words);
    const { code, said } = await ground.stack.up(machine());
    expect(code).not.toBe(0);
    expect(said.replace(/\s+/g, " ")).toContain(
      "creating EC2 Instance: operation error EC2: RunInstances, https response error StatusCode: 400, RequestID: a-request, " +
        `api error InsufficientInstanceCapacity: ${words}`,
    );
    expect(await ground.stack.destroy()).toMatchObject({ code: 0, steps: [] });
  });

  test("keeps what it had made when the rest failed, so that it is not lost", async () => {
    const program = `
      const vpc = new aws.ec2.Vpc("vpc", { cidrBlock: "10.0.0.0/16" });
      const gateway = new aws.ec2.InternetGateway("gateway", { vpcId: vpc.id });
      new aws.ec2.RouteTable("table", { vpcId: vpc.id, routes: [{ cidrBlock: "0.0.0.0/0", gatewayId: gateway.id }] });`;
    ground.recorder.refuse("CreateRoute", "RouteLimitExceeded", "There are too many");
    const { code, said } = await ground.stack.up(program);
    expect(code).not.toBe(0);
    expect(said).toContain("RouteLimitExceeded: There are too many");
    ground.recorder.letThrough();
    expect((await ground.stack.refresh()).steps).toContain("refresh table");
    expect(await ground.stack.destroy()).toMatchObject({
      code: 0,
      steps: expect.arrayContaining(["delete table"]) as string[],
    });
    expect(await ground.everything()).toEqual([]);
  });

  test("refuses to end a machine that is protected, as AWS does, unless it is told to", async () => {
    await ground.stack.done(machine());
    await ground.stack.done(machine(`disableApiTermination: true`)); // moto heeds it only when it changes
    const { code, said } = await ground.stack.destroy();
    expect(code).not.toBe(0);
    expect(said).toContain("OperationNotPermitted");
    await ground.stack.done(machine(`disableApiTermination: true, forceDestroy: true`));
    expect((await ground.stack.destroy()).code).toBe(0);
  });

  test("refuses what the real one has not got, and what it does not do itself, before anything is made", async () => {
    const stranger = await ground.stack.up(machine(`metadataOptions: { httpToken: "required" }`));
    expect(stranger.code).not.toBe(0);
    expect(stranger.said).toMatch(/metadataOptions\.httpToken[^]*is no property of this resource/);
    const undone = await ground.stack.up(`new aws.s3.Bucket("b", { versioning: { enabled: true } });`);
    expect(undone.code).not.toBe(0);
    expect(undone.said).toMatch(/versioning[^]*is not done by this stand-in/);
    expect(ground.recorder.changes()).toEqual([]);
  });

  test("leaves nothing of a secret in clear", async () => {
    const program = (word: string): string => `
      const topic = new aws.sns.Topic("topic", { displayName: pulumi.secret("${word}"), tags: { word: pulumi.secret("${word}") } });
      exports.all = topic.tagsAll;`;
    const { said } = await ground.stack.done(program("sesame"));
    await ground.stack.done(program("lavender"));
    await ground.stack.refresh();
    const written = await ground.stack.written();
    for (const word of ["sesame", "lavender"]) expect(written + said).not.toContain(word);
    expect(written).toContain("aws:sns/topic:Topic"); // what is no secret is there, so the search can find
    expect(await ground.stack.outputs()).toEqual({ all: { word: "lavender" } });
  });

  test("ends with its engine when that is killed", async () => {
    const asked = ground.recorder.hold("RunInstances");
    const { file, args, cwd, env } = await ground.stack.command(machine());
    const engine = spawn(file, args, { cwd, env, stdio: "ignore" });
    await asked;
    const plugin = `${ground.stack.folder}/home/plugins/resource-aws-`;
    expect(processesWith(plugin)).toHaveLength(1);
    engine.kill("SIGKILL");
    await once(engine, "exit");
    await until("the plugin's end", () => processesWith(plugin).length === 0, 10_000);
  });
});
