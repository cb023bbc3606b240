import type * as pulumi from "@pulumi/pulumi";
import type { Implementations } from "./providers.js";

/** The provider of each kind: Pulumi turns one into text once, however many resources have it, as long as it is the same object. */
const made = new Map<keyof Implementations, pulumi.dynamic.ResourceProvider>();

/** The provider of a kind of resource, the same one for all of them. */
export function lateProvider(kind: keyof Implementations): pulumi.dynamic.ResourceProvider {
  const provider = made.get(kind) ?? makeProvider(kind);
  made.set(kind, provider);
  return provider;
}

/**
 * The provider that Pulumi serialises into state: one line a method, which looks the real implementation up when it is called. So `destroy` runs today's
 * code, not the code of the day the resource was made. It is found from the program's folder, in a checkout as in an installed package.
 *
 * What it asks for is in every state that was ever made with it: the package's `./providers`, `implementations`, and each kind stay where they are.
 *
 * Everything in here is turned into text by Pulumi: no imports, no module state, only what is written out below.
 */
function makeProvider(kind: keyof Implementations): pulumi.dynamic.ResourceProvider {
  const implementation = (): Implementations[keyof Implementations] => {
    const program = process.getBuiltinModule("node:module").createRequire(`${process.cwd()}/_.js`);
    return (program("lightchain-fleet/providers") as { implementations: Implementations }).implementations[kind];
  };
  return {
    check: async (olds, news) => implementation().check(olds, news),
    diff: async (id, olds, news) => implementation().diff(id, olds, news),
    create: async (inputs) => implementation().create(inputs),
    read: async (id, props) => implementation().read(id, props),
    update: async (id, olds, news) => implementation().update(id, olds, news),
    delete: async (id, props) => implementation().delete(id, props),
  };
}
