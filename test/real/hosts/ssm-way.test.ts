import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { archiveFile, sha256Of } from "../../../components/host/bundle-archive.js";
import { readBundleHash } from "../../../components/host/bundle.js";
import { bundleKey, deliverBundle, fetchScript } from "../../../components/host/ssm/fetch.js";
import type { SsmWay } from "../../../components/host/ssm/reference.js";
import { shellOn } from "../../../components/host/ssm/shell.js";
import { script } from "../../../components/host/shell/command-line.js";
import { findSecrets, needleOf } from "../../../keystore/secret-scan.js";
import { noInstances, startInstance, type TestInstance } from "../aws/instance.js";
import { opened } from "../aws/opened.js";
import { because } from "../machines/docker-engine.js";
import { makeSmallBundle } from "./small-bundle.js";

const whyNot = noInstances();

describe.skipIf(whyNot !== undefined)(`the way through Systems Manager${because(whyNot)}`, () => {
  let instance: TestInstance;
  let way: SsmWay;
  const before = { ...process.env };
  beforeAll(async () => {
    instance = await startInstance();
    Object.assign(process.env, instance.env);
    way = { region: instance.region, instance: instance.id, bucket: instance.bucket };
  }, 600_000);
  afterAll(async () => {
    shellOn(way).close();
    process.env = before;
    await instance.stop();
  });
  /** Kept for reading, beyond the test that changes it. */
  const kept = async (): Promise<string> =>
    (await instance.machine.run(["ls", "-A", "/run/lightchain-fleet-ssm"])).stdout.trim();

  test("runs a program as root, and brings back what it wrote and how it ended", async () => {
    const words = script(['id -u; cat; echo "to err" >&2; exit "$1"'], "7");
    expect(await shellOn(way).run({ words, input: "what came in\n" })).toEqual({
      code: 7,
      stdout: "0\nwhat came in\n",
      stderr: "to err\n",
    });
  });

  test("shows in AWS's history what is put into it, as whoever looks for keys there must know", async () => {
    const secret = randomBytes(32);
    const needles = [needleOf("planted", secret)];
    const findings = (): number => opened(instance.bridge.said).flatMap((text) => findSecrets(text, needles)).length;
    expect(findings()).toBe(0);
    await shellOn(way).run({ words: ["true"], input: secret.toString("hex") });
    const into = findings();
    expect(into).toBeGreaterThan(0);
    await shellOn(way).run({ words: ["echo", secret.toString("base64")] });
    expect(findings()).toBeGreaterThan(into);
  });

  test.each([10, 100_000, 400_000])(
    "carries %i bytes there and back that cannot be compressed",
    async (length) => {
      const input = randomBytes(length / 2).toString("hex");
      const { code, stdout } = await shellOn(way).run({ words: ["cat"], input });
      expect([code, stdout === input]).toEqual([0, true]);
      expect(await kept()).toBe("");
    },
    120_000,
  );

  test("runs ten at once, each with its own answer", async () => {
    const runs = Array.from({ length: 10 }, (_, at) => shellOn(way).run({ words: ["echo", String(at)] }));
    expect((await Promise.all(runs)).map(({ stdout }) => stdout.trim())).toEqual(runs.map((_, at) => String(at)));
  }, 60_000);

  test("finds an instance by a tag, so that another one may take its place", async () => {
    const tagged = shellOn({ ...way, instance: { tag: "lightchain:host", value: instance.id } });
    expect((await tagged.run({ words: ["hostname"] })).stdout.trim()).toBe(instance.machine.name);
  });

  test("does not choose between two instances with one tag", async () => {
    instance.bridge.add("i-00000000000000001", { twice: "yes" });
    instance.bridge.add("i-00000000000000002", { twice: "yes" });
    const tagged = shellOn({ ...way, instance: { tag: "twice", value: "yes" } });
    await expect(tagged.run({ words: ["true"] })).rejects.toThrow(
      /LF1592: .*i-00000000000000001 and i-00000000000000002/,
    );
  });

  test.each<[situation: string, instance: SsmWay["instance"]]>([
    ["an instance that is not there", "i-0123456789abcdef0"],
    ["a tag that nothing has", { tag: "lightchain:host", value: "nobody" }],
  ])("says of %s that it takes no command", async (_, nobody) => {
    const asked = shellOn({ ...way, instance: nobody }).run({ words: ["true"], waitMs: 0 });
    await expect(asked).rejects.toThrow(/LF1590: .*eu-central-1 takes no command/);
  });

  test("has the instance fetch a bundle by a link to it alone, held to its checksum, and keeps what is in the bucket", async () => {
    const source = await makeSmallBundle(await mkdtemp(join(tmpdir(), "lf-ssm-")));
    const hash = await readBundleHash(source);
    const deliver = (of: Partial<SsmWay> = {}): Promise<void> =>
      deliverBundle(shellOn(way), { ...way, ...of }, { root: "/root/fleet", source, hash, archive: "fetched.tar.gz" });
    try {
      await deliver();
      const archive = await archiveFile(source);
      expect(await instance.machine.must(["sha256sum", "/root/fetched.tar.gz"])).toContain(await sha256Of(archive));
      await instance.machine.must(["rm", "/root/fetched.tar.gz"]);
      await deliver(); // it is in the bucket
      await instance.machine.must(["test", "-f", "/root/fetched.tar.gz"]);
      await expect(deliver({ bucket: "somebody-elses" })).rejects.toThrow(/LF1591: .*somebody-elses.*no such bucket/);

      const client = new S3Client({ region: way.region });
      const Key = bundleKey(hash, await sha256Of(archive));
      await client.send(new PutObjectCommand({ Bucket: instance.bucket, Key, Body: "another's" }));
      client.destroy();
      await expect(deliver()).rejects.toThrow(/LF1535: .*what was fetched is not the bundle/);
      expect((await instance.machine.run(["test", "-f", "/root/fetched.tar.gz"])).code).toBe(1);
    } finally {
      await rm(source, { recursive: true });
    }
  }, 60_000);

  test("says why an instance cannot fetch", async () => {
    const { code, stderr } = await shellOn(way).run({
      words: fetchScript("fetched.tar.gz", "0".repeat(64)),
      input: `${instance.bridge.endpoint}/${instance.bucket}/nothing\n`,
    });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^the bundle cannot be fetched: curl: .*404/)]);
  });

  test("tells an agent that is off from a program that fails, and goes on when it is on again", async () => {
    await instance.machine.must(["systemctl", "kill", "--kill-whom=all", "ssm-agent.service"]);
    await instance.machine.must(["systemctl", "stop", "ssm-agent.service"]);
    const asked = shellOn(way).run({ words: ["true"], waitMs: 0 });
    await expect(asked).rejects.toThrow(/LF1590: .*DeliveryTimedOut/);
    const waiting = shellOn(way).run({ words: ["echo", "on again"], waitMs: 60_000 });
    await instance.machine.must(["systemctl", "start", "ssm-agent.service"]);
    expect((await waiting).stdout).toBe("on again\n");
  }, 180_000);

  test("says what is missing when nobody is logged in", async () => {
    shellOn(way).close();
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...others } = process.env;
    process.env = others;
    try {
      await expect(shellOn(way).run({ words: ["true"] })).rejects.toThrow(
        /LF1591: .*ssm:SendCommand.*no credentials.*aws sso login/,
      );
    } finally {
      shellOn(way).close();
      Object.assign(process.env, { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY });
    }
  });
});
