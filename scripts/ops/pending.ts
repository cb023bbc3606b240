import { z } from "zod";

/** What `pulumi stack export` says of operations that a run began and did not end. */
const exportSchema = z.looseObject({
  deployment: z
    .looseObject({
      pending_operations: z
        .array(z.looseObject({ type: z.string(), resource: z.looseObject({ urn: z.string() }) }))
        .nullish(),
      resources: z.array(z.looseObject({ urn: z.string(), outputs: z.unknown().optional() })).nullish(),
    })
    .nullish(),
});

/** A stack's state, as far as it matters here. */
export interface StackState {
  /** Names of resources that a run began to create and did not end: a destroy would forget them. */
  readonly creating: readonly string[];
  /** What each resource put out, by the last part of its type (`Registration`). */
  readonly resources: readonly { readonly type: string; readonly name: string; readonly outputs: unknown }[];
}

/** Reads an export. Pure. @throws ZodError when it is none */
export function stateOf(exported: string): StackState {
  const { deployment } = exportSchema.parse(JSON.parse(exported));
  const pending = deployment?.pending_operations ?? [];
  return {
    creating: pending.filter(({ type }) => type === "creating").map(({ resource }) => nameIn(resource.urn)),
    resources: (deployment?.resources ?? []).map(({ urn, outputs }) => ({
      type: /[:/](\w+)$/.exec(urn.split("::")[2] ?? "")?.[1] ?? "",
      name: nameIn(urn),
      outputs,
    })),
  };
}

/** `urn:pulumi:STACK::PROJECT::TYPE::NAME` */
const nameIn = (urn: string): string => urn.split("::").slice(3).join("::");
