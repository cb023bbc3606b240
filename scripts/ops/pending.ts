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

/** A resource in a stack's state, and what it put out. */
export interface StateResource {
  /** The last part of its type (`Registration`). */
  readonly type: string;
  /** Whether it is a kind of this project's own. */
  readonly isOurs: boolean;
  readonly name: string;
  readonly outputs: unknown;
}

/** A stack's state, as far as it matters here. */
export interface StackState {
  /** Names of resources that a run began to create and did not end: a destroy would forget them. */
  readonly creating: readonly string[];
  readonly resources: readonly StateResource[];
}

/** Reads an export. Pure. @throws ZodError when it is none */
export function stateOf(exported: string): StackState {
  const { deployment } = exportSchema.parse(JSON.parse(exported));
  const pending = deployment?.pending_operations ?? [];
  return {
    creating: pending.filter(({ type }) => type === "creating").map(({ resource }) => nameIn(resource.urn)),
    resources: (deployment?.resources ?? []).map(({ urn, outputs }) => {
      const { prefix = "", type = "" } = /^(?<prefix>.*)[:/](?<type>\w+)$/.exec(urn.split("::")[2] ?? "")?.groups ?? {};
      return { type, isOurs: /\blightchain$/.test(prefix), name: nameIn(urn), outputs };
    }),
  };
}

/** `urn:pulumi:STACK::PROJECT::TYPE::NAME` */
const nameIn = (urn: string): string => urn.split("::").slice(3).join("::");
