import type { KMS, KeyUsageType } from "@aws-sdk/client-kms";
import type { ObjectShape } from "../engine/shape.js";
import type { Properties } from "../engine/values.js";
import { awsType } from "./aws-type.js";
import { kmsIn } from "./clients.js";
import { doing, ifThere } from "./refusals.js";
import { retagging, tagsIn } from "./tags.js";
import { minutes, settled } from "./waiting.js";

const kmsOf = ({ region }: Properties): Promise<KMS> => kmsIn(String(region));

/** KMS has its own spelling. */
const kmsTags = (tags: readonly { Key: string; Value: string }[]) =>
  tags.map(({ Key, Value }) => ({ TagKey: Key, TagValue: Value }));

/** `aws:kms/key:Key` (`kms/key.go`). A key that waits for its end is gone. */
export const kmsKey = (inputs: ObjectShape) =>
  awsType(inputs, {
    done: ["description", "deletionWindowInDays", "enableKeyRotation", "keyUsage", "policy", "tags"],
    computed: ["arn", "keyId"],
    replaces: ["customKeyStoreId", "customerMasterKeySpec", "keyUsage", "multiRegion", "xksKeyId"],
    keptWhenLeftOut: ["description", "policy"],
    seen: ["description", "enableKeyRotation"],
    json: ["policy"],
    make: async (given) => {
      const { description, policy, keyUsage = "ENCRYPT_DECRYPT" } = given;
      const made = await doing(
        "creating KMS Key",
        (await kmsOf(given)).createKey({
          ...(typeof description === "string" ? { Description: description } : {}),
          ...(typeof policy === "string" ? { Policy: policy } : {}),
          KeyUsage: keyUsage as KeyUsageType,
          Tags: kmsTags(retagging({}, tagsIn(given)).on),
        }),
      );
      return made.KeyMetadata?.KeyId ?? "";
    },
    finish: async (id, given) => {
      if (given["enableKeyRotation"] === true) await rotate(await kmsOf(given), id, true);
    },
    look: async (id, given) => {
      const kms = await kmsOf(given);
      const metadata = await metadataOf(kms, id);
      if (metadata === undefined || metadata.KeyState === "PendingDeletion") return undefined;
      const { Tags = [] } = await kms.listResourceTags({ KeyId: id });
      const { KeyRotationEnabled = false } = await kms.getKeyRotationStatus({ KeyId: id });
      return {
        ...{ arn: metadata.Arn, keyId: id, description: metadata.Description, enableKeyRotation: KeyRotationEnabled },
        tags: Object.fromEntries(Tags.map(({ TagKey = "", TagValue = "" }) => [TagKey, TagValue])),
      };
    },
    change: async (id, given, before) => {
      const kms = await kmsOf(given);
      const what = `updating KMS Key (${id})`;
      const { description, policy, enableKeyRotation } = given;
      if (typeof description === "string" && description !== before["description"])
        await doing(`${what} description`, kms.updateKeyDescription({ KeyId: id, Description: description }));
      if (typeof policy === "string" && policy !== before["policy"])
        await doing(`${what} policy`, kms.putKeyPolicy({ KeyId: id, PolicyName: "default", Policy: policy }));
      if ((enableKeyRotation === true) !== (before["enableKeyRotation"] === true))
        await rotate(kms, id, enableKeyRotation === true);
      const { off, on } = retagging(tagsIn(before), tagsIn(given));
      if (off.length > 0) await doing(`${what} tags`, kms.untagResource({ KeyId: id, TagKeys: off }));
      if (on.length > 0) await doing(`${what} tags`, kms.tagResource({ KeyId: id, Tags: kmsTags(on) }));
    },
    remove: async (id, state, { signal }) => {
      const kms = await kmsOf(state);
      if ((await metadataOf(kms, id))?.KeyState === "PendingDeletion") return;
      const window = state["deletionWindowInDays"];
      const asked = kms.scheduleKeyDeletion({
        KeyId: id,
        ...(typeof window === "number" ? { PendingWindowInDays: window } : {}),
      });
      if ((await doing(`deleting KMS Key (${id})`, ifThere(asked, "NotFoundException"))) === undefined) return;
      await settled({
        ...{ what: `KMS Key (${id}) delete`, wanted: ["PendingDeletion", "gone"], forMs: 20 * minutes, signal },
        look: async () => ({ state: (await metadataOf(kms, id))?.KeyState }),
      });
    },
  });

const metadataOf = async (kms: KMS, KeyId: string) =>
  (await doing(`reading KMS Key (${KeyId})`, ifThere(kms.describeKey({ KeyId }), "NotFoundException")))?.KeyMetadata;

async function rotate(kms: KMS, KeyId: string, on: boolean): Promise<void> {
  const asked = on ? kms.enableKeyRotation({ KeyId }) : kms.disableKeyRotation({ KeyId });
  await doing(`updating KMS Key (${KeyId}) rotation`, asked);
}

/** `aws:kms/alias:Alias` (`kms/alias.go`). */
export const kmsAlias = (inputs: ObjectShape) =>
  awsType(inputs, {
    done: ["name", "targetKeyId"],
    computed: ["arn", "targetKeyArn"],
    replaces: ["name", "namePrefix"],
    autoName: {
      ...{ property: "name", longest: 238 },
      change: (name) => (name.startsWith("alias/") ? name : `alias/${name}`),
    },
    make: async (given) => {
      const [AliasName, TargetKeyId] = [String(given["name"]), String(given["targetKeyId"])];
      await doing(`creating KMS Alias (${AliasName})`, (await kmsOf(given)).createAlias({ AliasName, TargetKeyId }));
      return AliasName;
    },
    look: async (id, given) => {
      const kms = await kmsOf(given);
      const found = await doing(`reading KMS Alias (${id})`, aliasNamed(kms, id));
      if (found?.TargetKeyId === undefined) return undefined;
      const target = await kms.describeKey({ KeyId: found.TargetKeyId });
      return { arn: found.AliasArn, targetKeyArn: target.KeyMetadata?.Arn };
    },
    change: async (id, given, before) => {
      const TargetKeyId = String(given["targetKeyId"]);
      if (TargetKeyId === before["targetKeyId"]) return;
      await doing(`updating KMS Alias (${id})`, (await kmsOf(given)).updateAlias({ AliasName: id, TargetKeyId }));
    },
    remove: async (id, state) => {
      const asked = (await kmsOf(state)).deleteAlias({ AliasName: id });
      await doing(`deleting KMS Alias (${id})`, ifThere(asked, "NotFoundException"));
    },
  });

async function aliasNamed(kms: KMS, name: string) {
  for (let Marker: string | undefined; ;) {
    const { Aliases = [], NextMarker } = await kms.listAliases(Marker === undefined ? {} : { Marker });
    const found = Aliases.find(({ AliasName }) => AliasName === name);
    if (found !== undefined || NextMarker === undefined) return found;
    Marker = NextMarker;
  }
}
