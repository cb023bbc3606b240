import { BundleMissing, readBundleHash } from "../bundle.js";
import type { HostReference } from "../../worker-reference.js";
import type { Host } from "../host.js";
import { askProgram } from "../host-program.js";
import { HostFolderHidden } from "../shell/errors.js";
import { putBundle } from "../shell/put-bundle.js";
import { callVerb, lookForBundles, noBundle } from "../shell/scripts.js";
import { deliverBundle } from "./fetch.js";
import { instanceName, type SsmWay, type StatedSsmWay } from "./reference.js";
import { shellOn } from "./shell.js";

/** Waits for an instance that may still be booting, and makes sure that it takes commands. */
export async function firstContactBySsm({ bootMs, ...way }: StatedSsmWay): Promise<SsmWay> {
  await shellOn(way).run({ words: ["true"], waitMs: bootMs });
  return way;
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
    present: async (bundle) => {
      const { stdout } = await shell.run({ words: lookForBundles(root, bundle) });
      if (stdout === "there\n") return true;
      if (stdout === "none\n") return false;
      throw new HostFolderHidden(machine, root);
    },
  };
  return host;
}
