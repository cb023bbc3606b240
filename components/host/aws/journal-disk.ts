import type * as pulumi from "@pulumi/pulumi";
import { LateResource } from "../../late-resource.js";
import type { StatedSsmWay } from "../ssm/reference.js";

/** Arguments of {@link JournalDisk}. */
export interface JournalDiskArgs {
  /** The way to the machine that the volume is attached to. */
  readonly ssm: pulumi.Input<StatedSsmWay>;
  /** The volume's id. */
  readonly volume: pulumi.Input<string>;
  /** Absolute path of the folder that it is to be. */
  readonly at: string;
  /** Tags that tell this host's machine and disks from everybody else's: another machine that has them was left by a run that was killed, and is taken away. */
  readonly tags: pulumi.Input<Readonly<Record<string, string>>>;
}

/** A volume as a folder of its machine, in each boot: with a file system of its own, which it is given once, when it is blank. */
export class JournalDisk extends LateResource {
  constructor(name: string, args: JournalDiskArgs, opts?: pulumi.CustomResourceOptions) {
    super("journalDisk", "JournalDisk", name, { ...args }, opts);
  }
}
