import {
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { newRecoveryKey, recoveryKeyText } from "../../../keystore/recovery-key.js";
import { secretsApi } from "../../../keystore/secrets-manager-api.js";
import { findSecrets, needleOf } from "../../../keystore/secret-scan.js";
import type { RecordRef, StoredTx } from "../../../keystore/store.js";
import { devTreasury, livedWorker, newWorker } from "../../keystore/fixtures.js";
import { storeContract } from "../../keystore/store-contract.js";
import { because } from "../machines/docker-engine.js";
import { freshStore, useEnvironment } from "./ground.js";
import { noMoto, startMoto, type EmulatedAws } from "./moto.js";

const whyNot = noMoto();
const ref: RecordRef = "worker/8200/home";
const proof = { chainId: 8200, block: 99n, blockHash: `0x${"ee".repeat(32)}` as const, balance: 21n };

describe.skipIf(whyNot !== undefined)(`a key store in Secrets Manager${because(whyNot)}`, () => {
  let aws: EmulatedAws;
  let client: SecretsManagerClient;
  beforeAll(async () => {
    aws = await startMoto();
    useEnvironment(aws.env);
    client = new SecretsManagerClient({ region: "us-east-1" });
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    client?.destroy();
    await aws?.stop();
  });

  const describeSecret = (name: string) => client.send(new DescribeSecretCommand({ SecretId: name }));
  const tagsOf = async (name: string): Promise<unknown> =>
    Object.fromEntries(((await describeSecret(name)).Tags ?? []).map(({ Key, Value }) => [Key, Value]));
  const valueOf = async (name: string) =>
    (await client.send(new GetSecretValueCommand({ SecretId: name, VersionStage: "AWSCURRENT" }))).SecretString!;
  const scheduleDeletion = (name: string) =>
    client.send(new DeleteSecretCommand({ SecretId: name, RecoveryWindowInDays: 7 }));

  storeContract(freshStore);

  describe("a secret", () => {
    test("is named after its record, holds it with its version, and says which it is", async () => {
      const { store, prefix } = await freshStore();
      const worker = newWorker();
      await store.create(ref, worker);
      await store.update(ref, 1, { ...worker, epoch: 1 });
      const name = `${prefix}/worker/8200/home`;
      expect(JSON.parse(await valueOf(name))).toMatchObject({
        version: 1,
        revision: 2,
        record: { address: worker.address, epoch: 1 },
      });
      expect(await tagsOf(name)).toEqual({ "lightchain:record": ref });
    });

    test("is encrypted with the key that the url names, and so is one that is set aside", async () => {
      const { store, prefix } = await freshStore({ kms: "alias/mine" });
      const worker = newWorker();
      await store.create(ref, worker);
      await store.archive(ref, proof);
      await store.create(ref, newWorker());
      const name = `${prefix}/${ref}`;
      for (const one of [name, `${name}.${worker.address.toLowerCase()}.archived`])
        expect((await describeSecret(one)).KmsKeyId).toBe("alias/mine");
    });

    test("of another prefix or region is another store's", async () => {
      const [one, other, abroad] = [
        await freshStore(),
        await freshStore(),
        await freshStore({ region: "eu-central-1" }),
      ];
      await one.store.create(ref, newWorker());
      expect([await other.store.has(ref), await abroad.store.has(ref)]).toEqual([false, false]);
      await abroad.store.create(ref, newWorker());
      expect(await abroad.store.has(ref)).toBe(true);
    });

    test("whose value somebody else wrote is told as damaged, without its content", async () => {
      const { store, prefix } = await freshStore();
      await secretsApi("us-east-1").create(`${prefix}/${ref}`, `{"key":"${"5e".repeat(32)}`, { kms: null, tags: {} });
      const error = (await store.read(ref, "worker").catch((thrown: unknown) => thrown)) as Error;
      expect(error).toMatchObject({ code: "LF1104" });
      expect(`${error.message} ${String(error.cause)} ${error.stack}`).not.toContain("5e5e");
    });

    test("that would be too large is refused before it is sent, with the number of transactions, and nothing changes", async () => {
      const { store } = await freshStore();
      const treasury = devTreasury();
      await store.create("treasury/8200/main", treasury);
      const tx: StoredTx = { ...livedWorker().sent[0]!, raw: `0x${"5e".repeat(300)}` };
      const sent = Array.from({ length: 120 }, (_, nonce) => ({ ...tx, nonce }));
      await expect(store.update("treasury/8200/main", 1, { ...treasury, sent })).rejects.toMatchObject({
        code: "LF1121",
        message: expect.stringMatching(/Secrets Manager keeps 65536; it lists the 120 transactions/) as string,
      });
      expect((await store.read("treasury/8200/main", "treasury")).version).toBe(1);
    });
  });

  describe("machines that share nothing but AWS", () => {
    test("create a record once", async () => {
      const { store, elsewhere } = await freshStore();
      const all = [store, await elsewhere(), await elsewhere()];
      const results = await Promise.allSettled(all.map((one) => one.create(ref, newWorker())));
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const result of results)
        if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "LF1101" });
    });

    test("change one version of a record once", async () => {
      const { store, elsewhere } = await freshStore();
      const worker = newWorker();
      await store.create(ref, worker);
      const all = [store, await elsewhere(), await elsewhere(), await elsewhere()];
      for (let version = 1; version <= 5; version++) {
        const results = await Promise.allSettled(
          all.map((one, index) => one.update(ref, version, { ...worker, epoch: 10 * version + index })),
        );
        const winner = results.findIndex(({ status }) => status === "fulfilled");
        expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
        for (const result of results)
          if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "LF1105" });
        const { version: now, record } = await store.read(ref, "worker");
        expect([now, record.epoch]).toEqual([version + 1, 10 * version + winner]);
      }
    });

    test("know a change that was theirs when the answer to it was lost", async () => {
      const { store, prefix } = await freshStore();
      await store.create(ref, newWorker());
      const [api, name] = [secretsApi("us-east-1"), `${prefix}/${ref}`];
      const before = (await api.current(name)) as { versionId: string; text: string };
      const [mine, other] = [await api.put(name, before.text), await api.put(name, before.text)];
      expect(await api.promote(name, before.versionId, mine)).toBe(true);
      expect(await api.promote(name, before.versionId, mine)).toBe(true); // asked again
      expect(await api.promote(name, before.versionId, other)).toBe(false);
    });
  });

  describe("an archived record", () => {
    test("is marked, and no longer when it is taken up again", async () => {
      const { store, prefix } = await freshStore();
      const worker = newWorker();
      await store.create(ref, worker);
      await store.archive(ref, proof);
      expect(await tagsOf(`${prefix}/${ref}`)).toEqual({ "lightchain:record": ref, "lightchain:archived": "true" });
      await store.update(ref, 2, worker);
      expect(await tagsOf(`${prefix}/${ref}`)).toEqual({ "lightchain:record": ref });
    });

    test("is kept beside the one that takes its name, also when that was interrupted, and archived anew", async () => {
      const { store, prefix } = await freshStore();
      const first = newWorker();
      const aside = `${prefix}/${ref}.${first.address.toLowerCase()}.archived`;
      await store.create(ref, first);
      await store.archive(ref, proof);
      await secretsApi("us-east-1").create(aside, await valueOf(`${prefix}/${ref}`), { kms: null, tags: {} });
      await store.update(ref, 2, first);
      await store.archive(ref, { ...proof, block: 100n });
      const archived = await valueOf(`${prefix}/${ref}`);
      await store.create(ref, newWorker());
      expect(await valueOf(aside)).toBe(archived);
      expect(await tagsOf(`${prefix}/${ref}`)).toEqual({ "lightchain:record": ref });
    });
  });

  describe("a secret that somebody scheduled for deletion", () => {
    test("is there, is not read, and the line says how to get it back", async () => {
      const { store, prefix } = await freshStore();
      await store.create(ref, newWorker());
      await scheduleDeletion(`${prefix}/${ref}`);
      expect(await store.has(ref)).toBe(true);
      const works = [
        () => store.read(ref, "worker"),
        () => store.update(ref, 1, newWorker()),
        () => store.archive(ref, proof),
      ];
      for (const work of works)
        await expect(work()).rejects.toMatchObject({
          code: "LF1124",
          fix: expect.stringContaining(
            `aws secretsmanager restore-secret --region us-east-1 --secret-id '${prefix}/${ref}'`,
          ) as string,
        });
    });

    test("with keys in use is saved by a create, which is refused", async () => {
      const { store, prefix } = await freshStore();
      const worker = newWorker();
      await store.create(ref, worker);
      await scheduleDeletion(`${prefix}/${ref}`);
      await expect(store.create(ref, newWorker())).rejects.toMatchObject({ code: "LF1101" });
      expect((await store.read(ref, "worker")).record.address).toBe(worker.address);
    });

    test("with archived keys gives up its name to new ones, and is kept", async () => {
      const { store, prefix } = await freshStore();
      const [first, second] = [newWorker(), newWorker()];
      await store.create(ref, first);
      await store.archive(ref, proof);
      await scheduleDeletion(`${prefix}/${ref}`);
      await store.create(ref, second);
      expect((await store.read(ref, "worker")).record.address).toBe(second.address);
      const kept = await valueOf(`${prefix}/${ref}.${first.address.toLowerCase()}.archived`);
      expect(JSON.parse(kept)).toMatchObject({ record: { address: first.address } });
    });
  });

  test("what it leaves on this machine shows no key and is for its owner only", async () => {
    const { store, folder } = await freshStore();
    const worker = { ...newWorker(), recoveryKey: recoveryKeyText(newRecoveryKey().publicKey) };
    await store.create(ref, worker);
    (await store.lock(ref, 0)).release();
    const needles = [needleOf("signing", worker.signingKey), needleOf("encryption", worker.encryptionKey)];
    const names = await readdir(folder);
    expect(names).toContain("worker-8200-home.backup");
    for (const name of names) expect(findSecrets(await readFile(join(folder, name)), needles)).toEqual([]);
  });

  test("a backup of another account's worker of that name is set aside, not overwritten", async () => {
    const { store, folder } = await freshStore();
    const recoveryKey = recoveryKeyText(newRecoveryKey().publicKey);
    const theirs = "lightchain-backup-v1:worker:8200:0x70997970C51812dc3A010C7d01b50e0d17dc79C8:AAAA\n";
    await store.turn(ref, 0).then((turn) => turn.release()); // the folder is there
    await writeFile(store.backupPath(ref), theirs);
    const worker = { ...newWorker(), recoveryKey };
    await store.create(ref, worker);
    const aside = join(folder, "worker-8200-home.backup.0x70997970c51812dc3a010c7d01b50e0d17dc79c8");
    expect(await readFile(aside, "utf8")).toBe(theirs);
    expect(await readFile(store.backupPath(ref), "utf8")).toContain(worker.address);
  });

  test("nothing of it is ever deleted", async () => {
    const { store, prefix } = await freshStore();
    const all = [newWorker(), newWorker(), newWorker()];
    for (const worker of all) {
      await store.create(ref, worker);
      await store.archive(ref, proof);
    }
    const { SecretList } = await client.send(
      new ListSecretsCommand({ Filters: [{ Key: "name", Values: [`${prefix}/`] }], MaxResults: 100 }),
    );
    expect(SecretList).toHaveLength(3);
    for (const name of SecretList!.map((one) => one.Name!))
      expect(await tagsOf(name)).toMatchObject({ "lightchain:archived": "true" });
  });
});
