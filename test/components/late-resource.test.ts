import * as pulumi from "@pulumi/pulumi";
import { afterEach, describe, expect, test, vi } from "vitest";
import { LateResource, providerText } from "../../components/late-resource.js";
import { implementations, type Implementations } from "../../components/providers.js";
import { pinnedProvider } from "../compatibility/pinned-provider.js";

/** A resource that has nothing but its provider. */
class Bare extends LateResource {
  declare readonly __provider: pulumi.Output<string>;
}

afterEach(() => void vi.restoreAllMocks());

const kinds = Object.keys(implementations) as (keyof Implementations)[];

describe.each(kinds)("a resource of the kind %s", (kind) => {
  test("is registered with its provider's text", async () => {
    const registered: pulumi.runtime.MockResourceArgs[] = [];
    await pulumi.runtime.setMocks({
      newResource: (resource) => (registered.push(resource), { id: resource.name, state: resource.inputs as object }),
      call: () => ({}),
    });

    const { __provider: text } = new Bare(kind, "Bare", "one", { size: 3 });
    await new Promise((resolve) => text.apply(resolve));

    expect(registered).toMatchObject([
      {
        type: "pulumi-nodejs:dynamic/lightchain:Bare",
        name: "one",
        inputs: { size: 3, __provider: providerText(kind) },
      },
    ]);
  });

  test.each(["check", "diff", "create", "read", "update", "delete"] as const)(
    "is %sed by today's code",
    async (method) => {
      const called = vi.spyOn(implementations[kind], method).mockResolvedValue({ from: "today" } as never);
      const provider = pinnedProvider(providerText(kind)) as unknown as Record<
        string,
        (...values: unknown[]) => unknown
      >;

      expect(await provider[method]!("a value", "another", "a third")).toEqual({ from: "today" });
      expect(called).toHaveBeenCalledExactlyOnceWith("a value", "another", "a third");
    },
  );
});
