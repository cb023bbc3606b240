import type * as Kms from "@aws-sdk/client-kms";
import { asking, clientSettings, onePerRegion, type Tags } from "./aws-ask.js";
import { isRefusedByItself } from "./aws-failure.js";
import type { KeyOwner } from "./secret-policies.js";

/** A key as KMS tells of it. */
export interface KeyFound {
  readonly arn: string;
  /** `Enabled`, `Disabled`, `PendingDeletion`, …, as KMS calls it. */
  readonly state: string;
  /** When it is deleted, where somebody asked for that. */
  readonly deletion: Date | null;
}

/** The few things that a store asks of KMS for a key of its own. Each throws a coded error (`aws-failure.ts`) when it cannot be done. */
export interface KmsApi {
  /** Whose the credentials are. */
  caller(): Promise<KeyOwner>;
  /** @param key id, ARN or alias */
  describe(key: string): Promise<KeyFound | undefined>;
  /** Keys that are enabled, have these tags, and go by no alias; the oldest first. Asks for all of the account's keys. */
  nameless(tags: Tags): Promise<readonly KeyFound[]>;
  /** @returns its ARN */
  create(options: { readonly policy: string; readonly description: string; readonly tags: Tags }): Promise<string>;
  isRotated(arn: string): Promise<boolean>;
  /** Once a year. */
  rotate(arn: string): Promise<void>;
  /** @returns whether it goes by that alias now: `false` when another key does, or this one did already */
  name(arn: string, alias: string): Promise<boolean>;
  scheduleDeletion(arn: string, days: number): Promise<void>;
}
type Sdk = typeof Kms;

/** KMS of a region, with the credentials of this process's surroundings. The SDK is loaded with the first question. */
export function kmsApi(region: string): KmsApi {
  /** @param resource what a policy has to allow it on */
  const ask = <T, E extends string>(
    action: string,
    resource: string,
    expected: readonly E[],
    call: (client: Kms.KMSClient, sdk: Sdk) => Promise<T>,
  ): Promise<T | E> =>
    asking({ action: `kms:${action}`, region, name: resource, resource }, expected, async () => {
      const sdk = await import("@aws-sdk/client-kms");
      return call(
        clientOf(region, () => new sdk.KMSClient({ region, ...clientSettings })),
        sdk,
      );
    });

  const found = async (key: string): Promise<(KeyFound & { readonly created: number }) | undefined> => {
    const answer = await ask("DescribeKey", key, ["NotFoundException"], (client, { DescribeKeyCommand }) =>
      client.send(new DescribeKeyCommand({ KeyId: key })),
    );
    if (answer === "NotFoundException") return undefined;
    const { Arn: arn, KeyState: state, DeletionDate: deletion, CreationDate: created } = answer.KeyMetadata ?? {};
    if (arn === undefined || state === undefined) return undefined;
    return { arn, state, deletion: deletion ?? null, created: created?.getTime() ?? 0 };
  };

  /** Every page of a list. */
  async function all<T>(
    page: (marker?: string) => Promise<{ items: readonly T[]; next: string | undefined }>,
  ): Promise<T[]> {
    const items: T[] = [];
    for (let marker: string | undefined; ;) {
      const answer = await page(marker);
      items.push(...answer.items);
      if (answer.next === undefined) return items;
      marker = answer.next;
    }
  }

  const named = (): Promise<string[]> =>
    all(async (Marker) => {
      const answer = await ask("ListAliases", "*", [], (client, { ListAliasesCommand }) =>
        client.send(new ListAliasesCommand({ Marker, Limit: 100 })),
      );
      return { items: (answer.Aliases ?? []).flatMap((one) => one.TargetKeyId ?? []), next: answer.NextMarker };
    });

  const keys = (): Promise<string[]> =>
    all(async (Marker) => {
      const answer = await ask("ListKeys", "*", [], (client, { ListKeysCommand }) =>
        client.send(new ListKeysCommand({ Marker, Limit: 1_000 })),
      );
      return { items: (answer.Keys ?? []).flatMap((one) => one.KeyId ?? []), next: answer.NextMarker };
    });

  /** Of a key that shows its tags to nobody of ours: none, since ours shows them. */
  async function tagsOf(key: string): Promise<Tags> {
    const answer = await ask("ListResourceTags", key, [], async (client, { ListResourceTagsCommand }) => {
      try {
        return await client.send(new ListResourceTagsCommand({ KeyId: key, Limit: 50 }));
      } catch (error) {
        if (isRefusedByItself(error)) return { Tags: [] };
        throw error;
      }
    });
    return Object.fromEntries((answer.Tags ?? []).map(({ TagKey = "", TagValue = "" }) => [TagKey, TagValue] as const));
  }

  return {
    caller: () =>
      asking({ action: "sts:GetCallerIdentity", region, name: "*", resource: "*" }, [], async () => {
        const { GetCallerIdentityCommand, STSClient } = await import("@aws-sdk/client-sts");
        const client = new STSClient({ region, ...clientSettings });
        try {
          const { Account: account, Arn: arn } = await client.send(new GetCallerIdentityCommand({}));
          const [, partition] = /^arn:([a-z-]+):/.exec(arn ?? "") ?? [];
          if (account === undefined || partition === undefined) throw new Error("an answer without an account");
          return { account, partition };
        } finally {
          client.destroy();
        }
      }),
    describe: found,
    nameless: async (tags) => {
      const taken = new Set(await named());
      const ours = [];
      for (const key of await keys()) {
        if (taken.has(key)) continue;
        const has = await tagsOf(key);
        if (!Object.entries(tags).every(([name, value]) => has[name] === value)) continue;
        const one = await found(key);
        if (one?.state === "Enabled") ours.push(one);
      }
      return ours.sort((a, b) => a.created - b.created || (a.arn < b.arn ? -1 : 1));
    },
    create: (options) =>
      asking({ action: "kms:CreateKey", region, name: "*", resource: "*" }, [], async () => {
        const { CreateKeyCommand, KMSClient } = await import("@aws-sdk/client-kms");
        // Asked once: KMS makes a key at each asking. One whose answer is lost is taken up by its tags.
        const client = new KMSClient({ region, ...clientSettings, maxAttempts: 1 });
        try {
          const { KeyMetadata } = await client.send(
            new CreateKeyCommand({
              Policy: options.policy,
              Description: options.description,
              Tags: Object.entries(options.tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
            }),
          );
          if (KeyMetadata?.Arn === undefined) throw new Error("an answer without a key");
          return KeyMetadata.Arn;
        } finally {
          client.destroy();
        }
      }),
    isRotated: async (arn) => {
      const answer = await ask("GetKeyRotationStatus", arn, [], (client, { GetKeyRotationStatusCommand }) =>
        client.send(new GetKeyRotationStatusCommand({ KeyId: arn })),
      );
      return answer.KeyRotationEnabled === true;
    },
    rotate: async (arn) => {
      await ask("EnableKeyRotation", arn, [], (client, { EnableKeyRotationCommand }) =>
        client.send(new EnableKeyRotationCommand({ KeyId: arn, RotationPeriodInDays: 365 })),
      );
    },
    name: async (arn, alias) => {
      const answer = await ask("CreateAlias", arn, ["AlreadyExistsException"], (client, { CreateAliasCommand }) =>
        client.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: arn })),
      );
      return answer !== "AlreadyExistsException";
    },
    scheduleDeletion: async (arn, days) => {
      await ask("ScheduleKeyDeletion", arn, [], (client, { ScheduleKeyDeletionCommand }) =>
        client.send(new ScheduleKeyDeletionCommand({ KeyId: arn.split("/").at(-1), PendingWindowInDays: days })),
      );
    },
  };
}

const clientOf = onePerRegion<Kms.KMSClient>();
