import type { HostDocument } from "../schema/host.js";
import { toJson } from "../schema/json.js";

/** What a document change would mean, one line each; of a changed section every setting that changes. Pure. */
export function differences(before: HostDocument, after: HostDocument): string[] {
  const [old, fresh] = [sectionsOf(before), sectionsOf(after)];
  return [
    ...[...fresh.keys()].filter((key) => !old.has(key)).map((key) => `add ${key}`),
    ...[...fresh].flatMap(([key, section]) => {
      const was = old.get(key);
      const changes = was === undefined ? [] : changedSettings(was, section);
      return changes.length === 0 ? [] : [`change ${key}: ${changes.join(", ")}`];
    }),
    ...[...old.keys()].filter((key) => !fresh.has(key)).map((key) => `remove ${key}`),
  ];
}

function sectionsOf({ runtime, workers }: HostDocument): Map<string, unknown> {
  return new Map<string, unknown>([
    ...Object.entries(runtime).map(([owner, one]) => [`runtime for ${owner}`, one] as const),
    ...Object.entries(workers).flatMap(([name, worker]) => [
      ...Object.entries(worker.models).map(([model, one]) => [`model ${model} of ${name}`, one] as const),
      ...Object.entries(worker.retired).map(([model, one]) => [`retired model ${model} of ${name}`, one] as const),
      ...(worker.service === null ? [] : [[`service of ${name}`, worker.service] as const]),
    ]),
  ]);
}

/** `port 11500 → 11600`, for each setting that is not the same, however deep it lies. */
function changedSettings(before: unknown, after: unknown): string[] {
  const [old, fresh] = [flat(before), flat(after)];
  return [...new Set([...old.keys(), ...fresh.keys()])]
    .filter((path) => old.get(path) !== fresh.get(path))
    .map((path) => `${path} ${old.get(path) ?? "none"} → ${fresh.get(path) ?? "none"}`);
}

/** Every setting by its dotted path. A list is one setting: what is first or last in it says nothing. */
function flat(value: unknown, path = ""): Map<string, string> {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    return new Map([[path, typeof value === "string" ? value : toJson(value)]]);
  return new Map(Object.entries(value).flatMap(([key, item]) => [...flat(item, path === "" ? key : `${path}.${key}`)]));
}
