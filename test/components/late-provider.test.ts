import { createRequire } from "node:module";
import * as pulumi from "@pulumi/pulumi";
import type * as Serialising from "@pulumi/pulumi/runtime/closure/serializeClosure.js";
import { expect, test, vi } from "vitest";
import { implementations } from "../../components/providers.js";

/** A resource that has nothing but its provider. */
class Bare extends pulumi.dynamic.Resource {
  declare readonly __provider: pulumi.Output<string>;
}

test("a kind's provider is turned into text once, however many resources have it", async () => {
  await pulumi.runtime.setMocks({
    newResource: ({ name, inputs }) => ({ id: name, state: inputs as object }),
    call: () => ({}),
  });
  // The very module that Pulumi calls it in: turning a provider into text takes longer than all else that is done for a resource.
  const closures = createRequire(__filename)("@pulumi/pulumi/runtime/closure/serializeClosure") as typeof Serialising;
  const serialised = vi.spyOn(closures, "serializeFunction");
  vi.resetModules(); // other tests of this process have used the providers that there were
  const { lateProvider } = await import("../../components/late-provider.js");
  const kinds = Object.keys(implementations) as (keyof typeof implementations)[];

  const texts: string[] = [];
  for (const kind of kinds)
    for (const name of ["one", "another", "a third"]) {
      const { __provider: text } = new Bare(lateProvider(kind), `${name} ${kind}`, {});
      texts.push(await new Promise<string>((resolve) => text.apply(resolve)));
    }

  expect(serialised).toHaveBeenCalledTimes(kinds.length);
  for (const [at, kind] of kinds.entries()) {
    expect(new Set(texts.slice(at * 3, at * 3 + 3)).size).toBe(1);
    expect(texts[at * 3]).toContain(`kind: ${JSON.stringify(kind)}`);
  }
  serialised.mockRestore();
});
