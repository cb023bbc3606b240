import { createRequire } from "node:module";
import type * as CommandModule from "@pulumi/command/remote/command.js";
import type * as CopyModule from "@pulumi/command/remote/copyToRemote.js";
import * as pulumi from "@pulumi/pulumi";
import type { Hash } from "../../../schema/units.js";
import { archiveFile, sha256Of } from "../bundle-archive.js";
import { commandLine } from "../shell/command-line.js";
import { learn, type SshServer, type StatedWay } from "./reference.js";
import { checkStaged, stagedArchive } from "../shell/scripts.js";

type Endpoint = Pick<SshServer, "address" | "port" | "user" | "hostKey">;

/** A way that `@pulumi/command` can go too: every key pinned beforehand, and an agent that signs, since a private key is never an input of Pulumi's. */
export const canBeStaged = ({ server, bastion, identity }: StatedWay): boolean =>
  "agent" in identity && server.hostKey !== learn && bastion?.hostKey !== learn;

/** What is staged where. */
export interface Staging {
  readonly connection: StatedWay;
  readonly bundle: string;
  readonly hash: Hash;
  /** Nothing is staged before it is known: preflight has passed then. */
  readonly root: pulumi.Input<string>;
}

/**
 * Uploads the bundle's archive into the user's home and checks it there, as resources that a person sees; the host's own provider then unpacks it, holds each file to the
 * manifest, and removes the archive. They are never taken down: nothing of them stays, and a machine that is gone must not keep a destroy from ending.
 */
export function stageBundle(
  name: string,
  { connection: way, bundle, hash, root }: Staging,
  opts: pulumi.CustomResourceOptions | undefined,
): pulumi.Resource[] {
  const load = createRequire(__filename); // only a stack with such a host loads it
  const { CopyToRemote } = load("@pulumi/command/remote/copyToRemote.js") as typeof CopyModule;
  const { Command } = load("@pulumi/command/remote/command.js") as typeof CommandModule;
  const settings = pulumi.mergeOptions(opts, { retainOnDelete: true });
  const connection = connectionOf(way);
  const archive = pulumi.output(root).apply(() => archiveFile(bundle));
  const copy = new CopyToRemote(
    `${name}-bundle`,
    {
      connection,
      source: archive.apply((path) => new pulumi.asset.FileAsset(path)),
      remotePath: stagedArchive(hash),
      triggers: [hash],
    },
    settings,
  );
  const check = new Command(
    `${name}-bundle-check`,
    {
      connection,
      create: archive.apply(sha256Of).apply((sha256) => commandLine(checkStaged(hash, sha256))),
      triggers: [hash],
      addPreviousOutputInEnv: false, // goes by SSH's own environment, which many servers refuse
    },
    pulumi.mergeOptions(settings, { dependsOn: [copy] }),
  );
  return [copy, check];
}

/** Seconds that one dial may take. */
const perDialTimeout = 15;

/** The way as `@pulumi/command` is told it. Pure. */
export function connectionOf({ server, bastion, identity, bootMs }: StatedWay) {
  const agent = "agent" in identity && identity.agent !== "$SSH_AUTH_SOCK" ? { agentSocketPath: identity.agent } : {};
  const dialErrorLimit = Math.max(1, Math.ceil(bootMs / 1_000 / perDialTimeout));
  const to = ({ address, port, user, hostKey }: Endpoint) => ({
    ...{ host: address, port, user, hostKey, perDialTimeout, dialErrorLimit },
    ...agent,
  });
  return { ...to(server), ...(bastion === null ? {} : { proxy: to(bastion) }) };
}
