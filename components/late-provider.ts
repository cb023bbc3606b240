import type * as pulumi from "@pulumi/pulumi";
import type { Implementations } from "./providers.js";

/**
 * The provider that Pulumi serialises into state: one line a method, which looks the real implementation up when it is called. So `destroy` runs today's
 * code, not the code of the day the resource was made. It is found from the program's folder, in a checkout as in an installed package.
 *
 * What it asks for is in every state that was ever made with it: the package's `./providers`, `implementations`, and each kind stay where they are.
 *
 * Everything in here is turned into text by Pulumi: no imports, no module state, only what is written out below.
 */
export function lateProvider(kind: keyof Implementations): pulumi.dynamic.ResourceProvider {
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
