import type { KeptRecord } from "../../keystore/store.js";
import { recoveryDays } from "../../keystore/secret-policies.js";
import { ownKeyAlias, ownKms, parseSecretsManagerUrl } from "../../keystore/secrets-manager-url.js";

/** What of a worker's keys a destroy leaves in AWS, as a stack's output tells it. */
export interface Kept {
  readonly region: string;
  /** The secret's name. */
  readonly secret: string;
  /** Alias, id or ARN of the KMS key that new secrets of its store are encrypted with; `null`: AWS's own. */
  readonly kmsKey: string | null;
  /**
   * `null`: neither is scheduled for deletion. It is true whenever an `up` says it, and costs no question: each preview and `up` reads the secret, and AWS lets nobody read what is
   * scheduled; such a run ends with LF1124, which names the day, or LF1122.
   */
  readonly deletion: null;
}

/** What stays of a worker's keys, by the store's url; `undefined` where they are a file of the operator's own. Pure. */
export function keptOf(store: string, chainId: number, worker: string): Kept | undefined {
  const place = parseSecretsManagerUrl(store);
  if (place === undefined) return undefined;
  const { region, prefix, kms } = place;
  const kmsKey = kms === ownKms ? ownKeyAlias(prefix) : kms;
  return { region, secret: `${prefix}/worker/${chainId}/${worker}`, kmsKey, deletion: null };
}

/** What a destroy says of keys that it archived: what of them is still in AWS, and how it is deleted there. Pure. */
export function keptArchived(worker: string, kept: KeptRecord): string {
  const { region, secret, key, ownKey, deletion } = kept;
  const encrypted =
    key === null
      ? "encrypted with AWS's own key"
      : ownKey === null
        ? `encrypted with your KMS key ${key}`
        : `encrypted with the store's own KMS key ${ownKey} (${key})`;
  const when = deletion === null ? "no deletion date" : `deletion date ${deletion.toISOString().slice(0, 10)}`;
  const days = String(recoveryDays);
  const commands = [
    `aws secretsmanager delete-secret --region ${region} --secret-id ${secret} --recovery-window-in-days ${days}`,
    ...(key === null || ownKey === null
      ? []
      : [
          `and the key, which every secret of the store needs, only when ` +
            `aws secretsmanager list-secrets --region ${region} --include-planned-deletion --query "SecretList[?KmsKeyId=='${key}'].Name" shows none: ` +
            `aws kms schedule-key-deletion --region ${region} --key-id ${key} --pending-window-in-days ${days}`,
        ]),
  ];
  return (
    `Worker ${worker}'s keys are archived and kept: secret ${secret} in ${region}, ${encrypted}, ${when}. ` +
    `AWS bills what is kept. To delete it for good (it can be taken back for ${days} days): ${commands.join("; ")}`
  );
}
