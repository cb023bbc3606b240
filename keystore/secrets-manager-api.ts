import { randomUUID } from "node:crypto";
import type * as SecretsManager from "@aws-sdk/client-secrets-manager";
import { asking, clientSettings, onePerRegion, type Tags } from "./aws-ask.js";

/** A secret without its value. */
export interface SecretFound {
  /** The date that its deletion was asked for or is due, as AWS tells it; `null`: it is not scheduled for deletion. */
  readonly deleted: Date | null;
  readonly hasValue: boolean;
  /** The KMS key that it is encrypted with, as it was named when it was made; `null`: AWS's own for Secrets Manager. */
  readonly key: string | null;
}

/** A secret's current value, and which of its versions that is. */
export interface SecretValue {
  readonly versionId: string;
  readonly text: string;
  /** The secret's own, with its account. */
  readonly arn: string;
}

/** The few things that a store asks of Secrets Manager. Each throws a coded error (`aws-failure.ts`) when it cannot be done. */
export interface SecretsApi {
  describe(name: string): Promise<SecretFound | undefined>;
  /** @returns `undefined` when there is no such secret or it has no value; `"deleted"` when it is scheduled for deletion */
  current(name: string): Promise<SecretValue | "deleted" | undefined>;
  /** @returns its ARN; `undefined` when there is one of that name */
  create(name: string, text: string, options: { kms: string | null; tags: Tags }): Promise<string | undefined>;
  /** Adds a version that nobody reads yet. @returns its id; `"full"` when there are too many versions */
  put(name: string, text: string): Promise<string>;
  /** Makes a version the current one if `from` still is. @returns whether it was */
  promote(name: string, from: string, to: string): Promise<boolean>;
  restore(name: string): Promise<void>;
  tag(name: string, tags: Tags): Promise<void>;
  untag(name: string, keys: readonly string[]): Promise<void>;
  /** Puts a resource policy on it, in the place of any other. @param policy as JSON */
  guard(name: string, policy: string): Promise<void>;
}
type Sdk = typeof SecretsManager;
type Client = SecretsManager.SecretsManagerClient;

/** Stage of a version between its being written and its being made current: a version without any stage is AWS's to delete. */
const pendingStage = "lightchain-pending";

/** Secrets Manager of a region, with the credentials of this process's surroundings. The SDK is loaded with the first question. */
export function secretsApi(region: string): SecretsApi {
  const list = (tags: Tags): { Key: string; Value: string }[] =>
    Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

  const ask = <T, E extends string>(
    action: string,
    name: string,
    expected: readonly E[],
    call: (client: Client, sdk: Sdk) => Promise<T>,
  ): Promise<T | E> =>
    asking({ action: `secretsmanager:${action}`, region, name }, expected, async () => {
      const sdk = await import("@aws-sdk/client-secrets-manager");
      const client = clientOf(region, () => new sdk.SecretsManagerClient({ region, ...clientSettings }));
      return call(client, sdk);
    });

  const current: SecretsApi["current"] = async (name) => {
    const answer = await ask(
      "GetSecretValue",
      name,
      ["ResourceNotFoundException", "InvalidRequestException"],
      (client, { GetSecretValueCommand }) =>
        client.send(new GetSecretValueCommand({ SecretId: name, VersionStage: "AWSCURRENT" })),
    );
    if (answer === "ResourceNotFoundException") return undefined;
    if (answer === "InvalidRequestException") return "deleted"; // the only state of a secret in which reading it is no valid request
    const { VersionId: versionId, SecretString: text, ARN: arn } = answer;
    return versionId === undefined || text === undefined || arn === undefined ? undefined : { versionId, text, arn };
  };

  return {
    current,
    describe: async (name) => {
      const answer = await ask(
        "DescribeSecret",
        name,
        ["ResourceNotFoundException"],
        (client, { DescribeSecretCommand }) => client.send(new DescribeSecretCommand({ SecretId: name })),
      );
      if (answer === "ResourceNotFoundException") return undefined;
      const stages = Object.values(answer.VersionIdsToStages ?? {}).flat();
      return {
        deleted: answer.DeletedDate ?? null,
        hasValue: stages.includes("AWSCURRENT"),
        key: answer.KmsKeyId ?? null,
      };
    },
    create: async (name, text, { kms, tags }) => {
      const answer = await ask("CreateSecret", name, ["ResourceExistsException"], (client, { CreateSecretCommand }) =>
        client.send(
          new CreateSecretCommand({
            Name: name,
            SecretString: text,
            ClientRequestToken: randomUUID(), // an answer that is lost on its way is asked for again with it
            Tags: list(tags),
            ...(kms === null ? {} : { KmsKeyId: kms }),
          }),
        ),
      );
      return answer === "ResourceExistsException" ? undefined : answer.ARN;
    },
    put: async (name, text) => {
      const id = randomUUID();
      const answer = await ask(
        "PutSecretValue",
        name,
        ["LimitExceededException"],
        (client, { PutSecretValueCommand }) =>
          client.send(
            new PutSecretValueCommand({
              SecretId: name,
              SecretString: text,
              ClientRequestToken: id,
              VersionStages: [pendingStage],
            }),
          ),
      );
      return answer === "LimitExceededException" ? "full" : id;
    },
    promote: async (name, from, to) => {
      const answer = await ask(
        "UpdateSecretVersionStage",
        name,
        ["InvalidParameterException"],
        (client, { UpdateSecretVersionStageCommand }) =>
          client.send(
            new UpdateSecretVersionStageCommand({
              SecretId: name,
              VersionStage: "AWSCURRENT",
              RemoveFromVersionId: from,
              MoveToVersionId: to,
            }),
          ),
      );
      if (answer !== "InvalidParameterException") return true;
      // Refused: somebody else moved it, or we did ourselves and the first answer was lost.
      const now = await current(name);
      return now !== undefined && now !== "deleted" && now.versionId === to;
    },
    restore: async (name) => {
      await ask("RestoreSecret", name, [], (client, { RestoreSecretCommand }) =>
        client.send(new RestoreSecretCommand({ SecretId: name })),
      );
    },
    tag: async (name, tags) => {
      await ask("TagResource", name, [], (client, { TagResourceCommand }) =>
        client.send(new TagResourceCommand({ SecretId: name, Tags: list(tags) })),
      );
    },
    untag: async (name, keys) => {
      await ask("UntagResource", name, [], (client, { UntagResourceCommand }) =>
        client.send(new UntagResourceCommand({ SecretId: name, TagKeys: [...keys] })),
      );
    },
    guard: async (name, policy) => {
      await ask("PutResourcePolicy", name, [], (client, { PutResourcePolicyCommand }) =>
        client.send(new PutResourcePolicyCommand({ SecretId: name, ResourcePolicy: policy, BlockPublicPolicy: true })),
      );
    },
  };
}

const clientOf = onePerRegion<Client>();
