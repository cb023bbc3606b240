import type { EC2, ResourceType, TagSpecification } from "@aws-sdk/client-ec2";
import type { Properties } from "../engine/values.js";
import { doing } from "./refusals.js";

/** Tags as programs and states have them. */
export type Tags = Readonly<Record<string, string>>;

/** As AWS lists them. */
export interface Tag {
  Key: string;
  Value: string;
}

export const tagsIn = (properties: Properties, name = "tags"): Tags => (properties[name] ?? {}) as Tags;

export const listed = (tags: Tags): Tag[] => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

/** What AWS lists, without its own. */
export const unlisted = (
  tags: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] | undefined,
): Tags =>
  Object.fromEntries(
    (tags ?? []).flatMap(({ Key = "", Value = "" }) => (Key.startsWith("aws:") ? [] : [[Key, Value]])),
  );

/** What to take off, and what to put on, so that `before` becomes `after`. */
export const retagging = (before: Tags, after: Tags): { readonly off: string[]; readonly on: Tag[] } => ({
  off: Object.keys(before).filter((key) => !(key in after)),
  on: listed(after).filter(({ Key, Value }) => before[Key] !== Value),
});

/** Tags as a call that makes something in EC2 takes them; none when there are none. */
export const taggedAs = (kind: ResourceType, tags: Tags): { TagSpecifications?: TagSpecification[] } => {
  const list = listed(tags);
  return list.length === 0 ? {} : { TagSpecifications: [{ ResourceType: kind, Tags: list }] };
};

/** Brings the tags of something in EC2 from what they were to what they are to be. */
export async function retag(ec2: EC2, id: string, before: Tags, after: Tags): Promise<void> {
  const { off, on } = retagging(before, after);
  const what = `updating tags for EC2 (${id})`;
  if (off.length > 0) await doing(what, ec2.deleteTags({ Resources: [id], Tags: off.map((Key) => ({ Key })) }));
  if (on.length > 0) await doing(what, ec2.createTags({ Resources: [id], Tags: on }));
}
