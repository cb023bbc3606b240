import type { Clock } from "../system/clock.js";
import { retry } from "../system/retry.js";
import { SecretsManagerUnavailable, StoreKeyUnusable } from "./aws-errors.js";
import type { KeyFound, KmsApi } from "./kms-api.js";
import { keyPolicy } from "./secret-policies.js";
import { ownKeyAlias, secretsManagerUrl, type SecretsManagerPlace } from "./secrets-manager-url.js";

/** What makes a store's own key, and how. */
export interface KeyMaking {
  readonly place: SecretsManagerPlace;
  readonly kms: KmsApi;
  readonly clock: Clock;
  /** Runs `work` while no other process of this machine makes that key. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

/** Says of a key which store it was made for, from its first moment. Its value is the store's prefix. */
export const storeTag = "lightchain:store";

/** How long a key that nobody used goes on being there, in days: the fewest that KMS takes. */
const unusedDays = 7;

/** KMS answers of what it just made only after a moment: half a minute at most, then the next run goes on. */
const showing = { attempts: 9, pauseMs: 250, maxPauseMs: 8_000 };

/**
 * The ARN of a store's own key, which is made when there is none: one a store, whoever asks at the same time and wherever a run was killed. It is the alias that decides which
 * one it is: KMS gives it to one key only.
 *
 * A key that is found is seen to be enabled and rotated once a year; two calls.
 * @throws StoreKeyUnusable LF1126, AwsAccessDenied LF1118
 */
export async function ownKey(making: KeyMaking): Promise<string> {
  const { place, kms } = making;
  const there = await kms.describe(ownKeyAlias(place.prefix));
  const key = there ?? (await making.alone(() => make(making)));
  if (key.state !== "Enabled") throw new StoreKeyUnusable(secretsManagerUrl(place), place.region, key);
  if (!(await kms.isRotated(key.arn))) await kms.rotate(key.arn);
  return key.arn;
}

async function make(making: KeyMaking): Promise<KeyFound> {
  const { place, kms } = making;
  const alias = ownKeyAlias(place.prefix);
  const meanwhile = await kms.describe(alias);
  if (meanwhile) return meanwhile;
  const tags = { [storeTag]: place.prefix };
  // A run that was killed left it: with it the store has one key, as it should, and not another beside it.
  const [left] = await kms.nameless(tags);
  const arn = left?.arn ?? (await create(making, tags));
  await kms.rotate(arn);
  const isNamed = await kms.name(arn, alias);
  const key = await shown(making, alias);
  // Another machine was first. Ours is a moment old and nothing was encrypted with it; one that we found is not known to be so.
  if (!isNamed && left === undefined && key.arn !== arn) await kms.scheduleDeletion(arn, unusedDays);
  return key;
}

async function create(making: KeyMaking, tags: Readonly<Record<string, string>>): Promise<string> {
  const { place, kms } = making;
  const policy = JSON.stringify(keyPolicy(await kms.caller(), place));
  const description = `Worker keys in Secrets Manager below ${place.prefix}/ (lightchain-fleet). Needed as long as one of these secrets is.`;
  return (await shown(making, await kms.create({ policy, description, tags }))).arn;
}

/** What KMS says of a key that is certainly there, once it says so. @throws SecretsManagerUnavailable LF1123 */
const shown = ({ place, kms, clock }: KeyMaking, key: string): Promise<KeyFound> =>
  retry(
    async () => {
      const found = await kms.describe(key);
      if (found) return found;
      throw new SecretsManagerUnavailable("kms:DescribeKey", place.region, `KMS does not know ${key} yet`);
    },
    { policy: showing, clock, worthRetrying: (error) => error instanceof SecretsManagerUnavailable },
  );
