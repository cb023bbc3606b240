import { FleetError } from "../../../schema/errors.js";
import type { HostReference } from "../../worker-reference.js";
import { BundleMissing } from "../bundle.js";
import type { Host } from "../host.js";
import { askProgram } from "../host-program.js";
import { connectionTo } from "./connection.js";
import { learnt } from "./dial.js";
import { HostFolderHidden } from "../shell/errors.js";
import { nameOf } from "./errors.js";
import { isAnsweredOver, loopbackPort } from "./forward.js";
import { putBundle } from "../shell/put-bundle.js";
import type { SshWay, StatedWay } from "./reference.js";
import { callVerb, lookForBundles, noBundle } from "../shell/scripts.js";

/**
 * Waits for a machine that may still be booting, learns what keys the operator lets be learnt, and makes sure that we get in and become root.
 * @param known the way of an earlier run: what was learnt then holds
 */
export async function firstContactBySsh(stated: StatedWay, known: SshWay | undefined): Promise<SshWay> {
  const way = await learnt(stated, known, stated.bootMs);
  await connectionTo(way).run({ words: ["true"], waitMs: stated.bootMs });
  return way;
}

/** A machine that is reached by SSH: the host program runs there, as root where the way says so; a bundle is an archive that is unpacked and checked there. */
export function openSshHost(reference: Extract<HostReference, { kind: "ssh" }>): Host {
  const { root, server } = reference;
  const connection = connectionTo(reference);
  const host: Host = {
    reference,
    put: (source) => putBundle({ shell: connection, machine: nameOf(server), root }, source),
    call: (verb, request) =>
      askProgram(reference, verb, request, async (input) => {
        const ended = await connection.run({ words: callVerb(root, verb), input });
        if (ended.code === noBundle && ended.stdout === "")
          throw new BundleMissing(`${root}/bundles on ${nameOf(server)}`, undefined);
        return ended;
      }),
    answers: async (url) => {
      // Each `up` asks this, and a program there takes longer to start than everything else of it. A server may forbid it, so that only a yes is one.
      const port = loopbackPort(url);
      if (port !== undefined && (await connection.onLoopback(port, (stream) => isAnsweredOver(stream, url))))
        return true;
      return host.call("answers", { url }).then(
        ({ ok }) => ok,
        (error: unknown) => {
          if (error instanceof FleetError && error.code === "LF1336") return false; // an older bundle's: an update brings a newer one
          throw error;
        },
      );
    },
    present: async (bundle) => {
      const { stdout } = await connection.run({ words: lookForBundles(root, bundle) });
      if (stdout === "there\n") return true;
      if (stdout === "none\n") return false;
      throw new HostFolderHidden(nameOf(server), root);
    },
  };
  return host;
}
