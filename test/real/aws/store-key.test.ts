import {
  CreateAliasCommand,
  CreateKeyCommand,
  DeleteAliasCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  DisableKeyRotationCommand,
  GetKeyPolicyCommand,
  GetKeyRotationStatusCommand,
  KMSClient,
  ListAliasesCommand,
  ListKeysCommand,
  ListResourceTagsCommand,
  ScheduleKeyDeletionCommand,
} from "@aws-sdk/client-kms";
import {
  DeleteResourcePolicyCommand,
  DescribeSecretCommand,
  GetResourcePolicyCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { kmsApi } from "../../../keystore/kms-api.js";
import { keyPolicy, secretPolicy } from "../../../keystore/secret-policies.js";
import { secretsApi } from "../../../keystore/secrets-manager-api.js";
import { openSecretsManagerStore } from "../../../keystore/secrets-manager-store.js";
import type { RecordRef } from "../../../keystore/store.js";
import { systemClock } from "../../../system/clock.js";
import { newWorker } from "../../keystore/fixtures.js";
import { because } from "../machines/docker-engine.js";
import { folderOfTest, freshStore, useEnvironment } from "./ground.js";
import { noMoto, startMoto, type EmulatedAws } from "./moto.js";

const whyNot = noMoto();
const region = "us-east-1";
const account = "123456789012"; // moto's
const ref: RecordRef = "worker/8200/home";
const proof = { chainId: 8200, block: 99n, blockHash: `0x${"ee".repeat(32)}` as const, balance: 21n };

describe.skipIf(whyNot !== undefined)(`what guards a store in Secrets Manager${because(whyNot)}`, () => {
  let aws: EmulatedAws;
  let secrets: SecretsManagerClient;
  let kms: KMSClient;
  beforeAll(async () => {
    aws = await startMoto();
    useEnvironment(aws.env);
    secrets = new SecretsManagerClient({ region });
    kms = new KMSClient({ region });
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    secrets?.destroy();
    kms?.destroy();
    await aws?.stop();
  });

  /** Keys that were made for a store, whatever became of them. */
  async function keysOf(prefix: string): Promise<{ arn: string; state: string; isRotated: boolean }[]> {
    const { Keys = [] } = await kms.send(new ListKeysCommand({ Limit: 1_000 }));
    const all = await Promise.all(
      Keys.map(async ({ KeyId, KeyArn }) => {
        const { Tags = [] } = await kms.send(new ListResourceTagsCommand({ KeyId }));
        if (!Tags.some(({ TagKey, TagValue }) => TagKey === "lightchain:store" && TagValue === prefix)) return [];
        const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId }));
        const state = KeyMetadata!.KeyState!;
        const isRotated =
          state === "Enabled" &&
          (await kms.send(new GetKeyRotationStatusCommand({ KeyId }))).KeyRotationEnabled === true;
        return [{ arn: KeyArn!, state, isRotated }];
      }),
    );
    return all.flat();
  }
  const aliasesOf = async (prefix: string): Promise<(string | undefined)[]> =>
    ((await kms.send(new ListAliasesCommand({ Limit: 100 }))).Aliases ?? [])
      .filter(({ AliasName }) => AliasName === `alias/lightchain/${prefix}`)
      .map(({ TargetKeyId }) => TargetKeyId);
  const keyOf = async (name: string) => (await secrets.send(new DescribeSecretCommand({ SecretId: name }))).KmsKeyId;
  const policyOf = async (name: string): Promise<unknown> => {
    const { ResourcePolicy } = await secrets.send(new GetResourcePolicyCommand({ SecretId: name }));
    return ResourcePolicy === undefined ? undefined : JSON.parse(ResourcePolicy);
  };

  describe("a key of the store's own", () => {
    test("is made with the first secret and no sooner, and every secret has it, one that is set aside too", async () => {
      const { store, prefix } = await freshStore({ kms: "own" });
      expect(await store.has(ref)).toBe(false);
      expect(await keysOf(prefix)).toEqual([]);
      const first = newWorker();
      await store.create(ref, first);
      await store.create("worker/8200/other", newWorker("other"));
      await store.archive(ref, proof);
      await store.create(ref, newWorker());
      const [key, ...more] = await keysOf(prefix);
      expect(more).toEqual([]);
      expect(key).toMatchObject({ state: "Enabled", isRotated: true });
      expect(await aliasesOf(prefix)).toEqual([key!.arn.split("/").at(-1)]);
      const names = [ref, `${ref}.${first.address.toLowerCase()}.archived`, "worker/8200/other"];
      for (const name of names) expect(await keyOf(`${prefix}/${name}`)).toBe(key!.arn);
      const { Policy } = await kms.send(new GetKeyPolicyCommand({ KeyId: key!.arn, PolicyName: "default" }));
      expect(JSON.parse(Policy!)).toEqual(keyPolicy({ partition: "aws", account }, { region, prefix }));
    });

    test("is one, whatever number of workers of a program comes first at the same moment, and none is thrown away", async () => {
      const { store, again, prefix } = await freshStore({ kms: "own" });
      const names = ["a", "b", "c", "d", "e"];
      const all = names.map((name, at) => (at % 2 ? store : again()).create(`worker/8200/${name}`, newWorker(name)));
      await Promise.all(all);
      const keys = await keysOf(prefix);
      expect(keys).toMatchObject([{ state: "Enabled" }]);
      for (const name of names) expect(await keyOf(`${prefix}/worker/8200/${name}`)).toBe(keys[0]!.arn);
    });

    test("is one, when several machines come first at the same moment; what the others made is going", async () => {
      const { prefix } = await freshStore();
      let waiting = 3;
      let go: () => void = () => undefined;
      const met = new Promise<void>((resolve) => (go = resolve));
      const names = ["a", "b", "c"];
      await Promise.all(
        names.map(async (name) => {
          const api = kmsApi(region);
          const meeting = {
            ...api,
            create: async (options: Parameters<typeof api.create>[0]) => {
              if (--waiting === 0) go();
              await met;
              return api.create(options);
            },
          };
          const place = { region, prefix, kms: "own" };
          const store = openSecretsManagerStore(place, systemClock, { kms: meeting, folder: await folderOfTest() });
          await store.create(`worker/8200/${name}`, newWorker(name));
        }),
      );
      const keys = await keysOf(prefix);
      expect(keys.map(({ state }) => state).sort()).toEqual(["Enabled", "PendingDeletion", "PendingDeletion"]);
      const one = keys.find(({ state }) => state === "Enabled")!;
      for (const name of names) expect(await keyOf(`${prefix}/worker/8200/${name}`)).toBe(one.arn);
    });

    test.each(["create", "rotate", "name"] as const)(
      "that a run left when it was killed before the answer to %s is taken up by the next",
      async (call) => {
        const { prefix, folder } = await freshStore();
        const place = { region, prefix, kms: "own" };
        const api = kmsApi(region);
        const killed = {
          ...api,
          [call]: async (...args: never[]) => {
            await (api[call] as (...args: never[]) => Promise<unknown>)(...args);
            throw new Error("killed");
          },
        };
        const dying = openSecretsManagerStore(place, systemClock, { kms: killed, folder });
        await expect(dying.create(ref, newWorker())).rejects.toThrow("killed");
        const left = await keysOf(prefix);
        expect(left).toHaveLength(1);
        await openSecretsManagerStore(place, systemClock, { folder }).create(ref, newWorker());
        expect(await keysOf(prefix)).toEqual([{ ...left[0], isRotated: true }]);
        expect(await keyOf(`${prefix}/${ref}`)).toBe(left[0]!.arn);
      },
    );

    test("whose alias somebody removed is found again among many others, and named anew", async () => {
      const { store, prefix } = await freshStore({ kms: "own" });
      await store.create(ref, newWorker());
      const before = await keysOf(prefix);
      await kms.send(new DeleteAliasCommand({ AliasName: `alias/lightchain/${prefix}` }));
      await Promise.all(Array.from({ length: 5 }, () => kms.send(new CreateKeyCommand({}))));
      await store.create("worker/8200/other", newWorker("other"));
      expect(await keysOf(prefix)).toEqual(before);
      expect(await aliasesOf(prefix)).toHaveLength(1);
    });

    test("is no other one that has its tag and goes by a name that somebody gave it", async () => {
      const { store, prefix } = await freshStore({ kms: "own" });
      const Tags = [{ TagKey: "lightchain:store", TagValue: prefix }];
      const { KeyMetadata: other } = await kms.send(new CreateKeyCommand({ Tags }));
      const AliasName = `alias/somebody/${prefix}`;
      await kms.send(new CreateAliasCommand({ AliasName, TargetKeyId: other!.KeyId }));
      await store.create(ref, newWorker());
      expect(await keyOf(`${prefix}/${ref}`)).not.toBe(other!.Arn);
      expect(await keysOf(prefix)).toHaveLength(2);
    });

    test("that is rotated no more is so again with the next secret", async () => {
      const { store, prefix } = await freshStore({ kms: "own" });
      await store.create(ref, newWorker());
      const [key] = await keysOf(prefix);
      await kms.send(new DisableKeyRotationCommand({ KeyId: key!.arn }));
      await store.create("worker/8200/other", newWorker("other"));
      expect(await keysOf(prefix)).toEqual([{ ...key, isRotated: true }]);
    });

    test.each([
      ["disabled", (KeyId: string) => kms.send(new DisableKeyCommand({ KeyId })), "aws kms enable-key"],
      [
        "scheduled for deletion",
        (KeyId: string) => kms.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 })),
        "aws kms cancel-key-deletion",
      ],
    ])("that is %s is told with the command, and no secret and no other key is made", async (what, work, command) => {
      const { store, prefix } = await freshStore({ kms: "own" });
      await store.create(ref, newWorker());
      const [key] = await keysOf(prefix);
      await work(key!.arn.split("/").at(-1)!);
      await expect(store.create("worker/8200/other", newWorker("other"))).rejects.toMatchObject({
        code: "LF1126",
        message: expect.stringContaining(what) as string,
        fix: expect.stringContaining(`${command} --region ${region} --key-id ${key!.arn}`) as string,
      });
      expect(await store.has("worker/8200/other")).toBe(false);
      expect(await keysOf(prefix)).toHaveLength(1);
    });
  });

  describe("the policy of a secret", () => {
    const policy = secretPolicy(account);

    test("is there from its first moment, and of one that is set aside", async () => {
      const { store, prefix } = await freshStore();
      const first = newWorker();
      await store.create(ref, first);
      expect(await policyOf(`${prefix}/${ref}`)).toEqual(policy);
      await store.archive(ref, proof);
      await store.create(ref, newWorker());
      expect(await policyOf(`${prefix}/${ref}`)).toEqual(policy);
      expect(await policyOf(`${prefix}/${ref}.${first.address.toLowerCase()}.archived`)).toEqual(policy);
    });

    test("that somebody removed is put on again when the record is archived", async () => {
      const { store, prefix } = await freshStore();
      await store.create(ref, newWorker());
      await secrets.send(new DeleteResourcePolicyCommand({ SecretId: `${prefix}/${ref}` }));
      await store.archive(ref, proof);
      expect(await policyOf(`${prefix}/${ref}`)).toEqual(policy);
    });

    test("that a run did not come to put on is put on by the archive, and by who takes the name", async () => {
      const { prefix, folder } = await freshStore();
      const place = { region, prefix, kms: null };
      const api = secretsApi(region);
      const dying = openSecretsManagerStore(place, systemClock, {
        api: { ...api, guard: () => Promise.reject(new Error("killed")) },
        folder,
      });
      const store = openSecretsManagerStore(place, systemClock, { folder });
      const worker = newWorker();
      await expect(dying.create(ref, worker)).rejects.toThrow("killed");
      expect(await policyOf(`${prefix}/${ref}`)).toBeUndefined();
      expect((await store.read(ref, "worker")).record.address).toBe(worker.address);
      await expect(dying.archive(ref, proof)).rejects.toThrow("killed");
      expect((await store.read(ref, "worker")).record.archived).toBeNull(); // not archived without it
      await store.archive(ref, proof);
      const aside = `${prefix}/${ref}.${worker.address.toLowerCase()}.archived`;
      await expect(dying.create(ref, newWorker())).rejects.toThrow("killed");
      expect(await policyOf(aside)).toBeUndefined();
      await store.create(ref, newWorker());
      for (const name of [aside, `${prefix}/${ref}`]) expect(await policyOf(name)).toEqual(policy);
    });
  });

  describe("what is kept of a record", () => {
    test("is its secret, with the store's own key by its alias", async () => {
      const { store, prefix } = await freshStore({ kms: "own" });
      expect(await store.kept(ref)).toBeNull();
      await store.create(ref, newWorker());
      const [key] = await keysOf(prefix);
      expect(await store.kept(ref)).toEqual({
        ...{ region, secret: `${prefix}/${ref}`, key: key!.arn },
        ...{ ownKey: `alias/lightchain/${prefix}`, deletion: null },
      });
    });

    test.each([
      ["the operator's, which is not the store's own", "alias/mine", "alias/mine"],
      ["AWS's", undefined, null],
    ])("is its secret with its key, where that is %s", async (_, named, key) => {
      const { store, prefix } = await freshStore(named === undefined ? {} : { kms: named });
      await store.create(ref, newWorker());
      const place = { region, prefix, kms: "own" };
      const own = openSecretsManagerStore(place, systemClock, { folder: await folderOfTest() });
      await own.create("worker/8200/other", newWorker("other")); // so that it has a key
      for (const one of [store, own]) expect(await one.kept(ref)).toMatchObject({ key, ownKey: null, deletion: null });
    });
  });
});
