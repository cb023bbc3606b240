import { BundleMissing, readBundleHash } from "../bundle.js";
import type { HostReference } from "../../worker-reference.js";
import type { Host } from "../host.js";
import { askProgram } from "../host-program.js";
import { HostFolderHidden } from "../shell/errors.js";
import { putBundle } from "../shell/put-bundle.js";
import { callVerb, lookForBundles, noBundle } from "../shell/scripts.js";
import { InstanceGone } from "./errors.js";
import { deliverBundle } from "./fetch.js";
import { accountOf, goneForGood } from "./instance.js";
import { instanceName, type SsmWay, type StatedSsmWay } from "./reference.js";
import { mayRest, rest, wake } from "./rest.js";
import { shellOn } from "./shell.js";

/** Waits for an instance that may still be booting, and makes sure that it takes commands. */
export async function firstContactBySsm({
  bootMs,
  ...way
}: StatedSsmWay): Promise<SsmWay & { readonly account: string }> {
  await shellOn(way).run({ words: ["true"], waitMs: bootMs });
  return { ...way, account: await accountOf(way.region) };
}

/** An EC2 instance that is reached through Systems Manager: no port is open on it. A bundle comes through a bucket. */
export function openSsmHost(reference: Extract<HostReference, { kind: "ssm" }>): Host {
  const { root } = reference;
  const shell = shellOn(reference);
  const machine = instanceName(reference);
  const host: Host = {
    reference,
    put: async (source) => {
      const hash = await readBundleHash(source);
      const fetch = (archive: string): Promise<void> =>
        deliverBundle(shell, reference, { root, source, hash, archive });
      return putBundle({ shell, machine, root, fetch }, source);
    },
    call: (verb, request) =>
      askProgram(reference, verb, request, async (input) => {
        const ended = await shell.run({ words: callVerb(root, verb), input });
        if (ended.code === noBundle && ended.stdout === "")
          throw new BundleMissing(`${root}/bundles on ${machine}`, undefined);
        return ended;
      }),
    answers: (url) => host.call("answers", { url }).then(({ ok }) => ok),
    gone: () => goneForGood(reference),
    rest: async (untilMs) => {
      if (mayRest(reference)) await rest(reference, untilMs);
      return mayRest(reference);
    },
    wake: async (lastMs) => (mayRest(reference) ? wake(reference, lastMs) : undefined),
    present: async (bundle) => {
      const found = await shell.run({ words: lookForBundles(root, bundle) }).catch(async (error: unknown) => {
        if (error instanceof InstanceGone) return null;
        throw error;
      });
      if (found === null) return false;
      const { stdout } = found;
      if (stdout === "there\n") return true;
      if (stdout === "none\n") return false;
      throw new HostFolderHidden(machine, root);
    },
  };
  return host;
}
