import { createRequire } from "node:module";

/** Loads an SDK's client: by whoever has such a region, and by nobody else. */
export const load: NodeJS.Require = createRequire(__filename);

/** What every client here is made with. */
export const settings = (region: string) => ({ region, retryMode: "adaptive", maxAttempts: 6 }) as const;

/** Tags as AWS lists them. */
export type Tags = readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[];

/** Whether a thing has this tag. Pure. */
export const hasTag = (tags: Tags, key: string, value: string): boolean =>
  tags.some((tag) => tag.Key === key && tag.Value === value);

/** The tag of everything that a stack makes; its value names the stack. */
export const stackTag = "lightchain:stack";

/** Whose remnants are looked for. */
export interface Owner {
  readonly region: string;
  /** What the names of the region's shared things begin with. */
  readonly name: string;
  /** The value of their {@link stackTag}. */
  readonly stack: string;
  /** The network that is meant alone. Left out: all of the region's. */
  readonly vpc?: string | undefined;
}

/** One kind of thing: how it is found, and how it goes. */
export interface Kind {
  /** What has to be allowed. */
  readonly action: string;
  readonly client: { destroy(): void };
  readonly found: () => Promise<readonly string[]>;
  /** By a call that AWS refuses where the thing is used by anything. */
  readonly remove: (id: string) => Promise<unknown>;
}
/** A kind, of somebody. */
export type KindOf = (owner: Owner) => Kind;

/** Whether Pulumi made this name of ours: `<ours>-<7 hex>`. Pure. */
export const isNamed = (name: string, ours: readonly string[]): boolean =>
  ours.some((one) => name.startsWith(`${one}-`) && /^[0-9a-f]{7}$/.test(name.slice(one.length + 1)));
