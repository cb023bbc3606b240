import * as pulumi from "@pulumi/pulumi";
import type { Implementation } from "./implementation.js";
import type { Implementations } from "./providers.js";

/**
 * A resource of one of our kinds. To the engine it is what `pulumi.dynamic.Resource` makes, a resource whose inputs hold its provider as text; that text is written
 * here, where Pulumi would derive it in each run from a function, which takes it longer than all else that a program does.
 */
export abstract class LateResource extends pulumi.CustomResource {
  /** @param type - its name in the package `lightchain`, for instance `Keys`: with the name it is the resource's URN */
  constructor(
    kind: keyof Implementations,
    type: string,
    name: string,
    inputs: pulumi.Inputs,
    opts?: pulumi.CustomResourceOptions,
  ) {
    super(`pulumi-nodejs:dynamic/lightchain:${type}`, name, { ...inputs, __provider: providerText(kind) }, opts);
  }
}

const methods: readonly (keyof Implementation)[] = ["check", "diff", "create", "read", "update", "delete"];

/**
 * The provider that rests in state: CommonJS that makes it, one line a method, which looks the real implementation up when it is called. So `destroy` runs today's
 * code, not the code of the day the resource was made. It is found from the program's folder, in a checkout as in an installed package.
 *
 * What it asks for is in every state that was ever made with it: the package's `./providers`, `implementations`, and each kind stay where they are.
 */
export const providerText = (kind: keyof Implementations): string => `exports.handler = () => {
  const implementation = () => {
    const program = process.getBuiltinModule("node:module").createRequire(process.cwd() + "/_.js");
    return program("lightchain-fleet/providers").implementations[${JSON.stringify(kind)}];
  };
  return {
${methods.map((method) => `    ${method}: async (...values) => implementation().${method}(...values),\n`).join("")}  };
};
`;
