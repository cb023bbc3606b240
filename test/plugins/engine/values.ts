import { isDeepStrictEqual } from "node:util";
import { Struct, type JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb.js";

/** What a resource is made of on the wire: plain values, among them marked secrets, unknowns and assets. */
export type Properties = Readonly<Record<string, unknown>>;

/** The key that tells a marked object from a plain one, and the marks (`@pulumi/pulumi/runtime/rpc`). */
const mark = "4dabf18193072939515e22adb298388d";
const secretMark = "1b47061264138c4ac30d75fd1eb44270";
const assetMark = "c44067f5952c0a294b673a41bacd8c17";
const archiveMark = "0def7320c3a5731c473e5ecbe6d01bc7";

/** Stands for a value that a preview cannot know yet, anywhere in a tree. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** A file, a text or a folder that is passed to a resource. */
export interface Asset {
  readonly kind: "asset" | "archive";
  readonly path?: string;
  readonly text?: string;
  readonly hash?: string;
}

/** Whether this is an object with keys; not a list. */
export const isTree = (value: unknown): value is Properties =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isMarked = (value: unknown, as: string): value is Properties => isTree(value) && value[mark] === as;

/** The value as an asset or archive, when it is one. */
export function asAsset(value: unknown): Asset | undefined {
  const kind = isMarked(value, assetMark) ? "asset" : isMarked(value, archiveMark) ? "archive" : undefined;
  if (kind === undefined || !isTree(value)) return undefined;
  const text = (name: string): string | undefined => (typeof value[name] === "string" ? value[name] : undefined);
  const [path, words, hash] = [text("path"), text("text"), text("hash")];
  return {
    kind,
    ...(path === undefined ? {} : { path }),
    ...(words === undefined ? {} : { text: words }),
    ...(hash === undefined ? {} : { hash }),
  };
}

/** The value with the mark that keeps it from being written or shown in clear. */
export const secret = (value: unknown): Properties =>
  isMarked(value, secretMark) ? value : { [mark]: secretMark, value };

/** Applies a change to a value, inside its mark when it is a secret. */
export const changeWithin = (value: unknown, change: (plain: unknown) => unknown): unknown =>
  isMarked(value, secretMark) ? secret(changeWithin(value["value"], change)) : change(value);

/** The value without any mark of secrecy, at any depth. */
export function reveal(value: unknown): unknown {
  if (isMarked(value, secretMark)) return reveal(value["value"]);
  if (Array.isArray(value)) return value.map(reveal);
  return isTree(value) ? mapValues(value, reveal) : value;
}

/** {@link reveal} for a whole resource. */
export const revealed = (properties: Properties): Properties => mapValues(properties, reveal);

/** Whether a secret is anywhere in it. */
export const holdsSecret = (value: unknown): boolean =>
  isMarked(value, secretMark) ||
  (Array.isArray(value) || isTree(value) ? Object.values(value).some(holdsSecret) : false);

/** Whether something in it is not known yet. */
export const holdsUnknown = (value: unknown): boolean =>
  value === unknownValue || (Array.isArray(value) || isTree(value) ? Object.values(value).some(holdsUnknown) : false);

/** Outputs that nobody gave and nobody knows yet. */
export const notYet = (computed: readonly string[], inputs: Properties): Properties =>
  Object.fromEntries(computed.filter((name) => !(name in inputs)).map((name) => [name, unknownValue]));

/** Whether two values mean the same. Assets are their content, wherever it lies. */
export function same(one: unknown, other: unknown): boolean {
  const [a, b] = [asAsset(one), asAsset(other)];
  if (a?.hash !== undefined && b?.hash !== undefined) return a.kind === b.kind && a.hash === b.hash;
  return isDeepStrictEqual(one, other);
}

/** For the wire, which has no `undefined`. */
export const toStruct = (properties: Properties): Struct =>
  Struct.fromJavaScript(withoutUndefined(properties) as Record<string, JavaScriptValue>);

/** From the wire. */
export const fromStruct = (struct: Struct | undefined): Properties => struct?.toJavaScript() ?? {};

function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => withoutUndefined(one) ?? null);
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (one === undefined ? [] : [[key, withoutUndefined(one)]])),
  );
}

const mapValues = (tree: Properties, change: (value: unknown) => unknown): Properties =>
  Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, change(value)]));
