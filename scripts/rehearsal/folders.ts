import { join, resolve } from "node:path";
import { packageRoot } from "../../system/package-root.js";

/** Where a rehearsal keeps everything; nothing of the user's own is touched. */
export interface Folders {
  readonly root: string;
  readonly network: string;
  /** State backend of the engine. */
  readonly state: string;
  readonly pulumiHome: string;
  readonly keys: string;
  readonly passphrase: string;
  readonly host: string;
  readonly logs: string;
  /** Folder of the Pulumi project: this checkout for the default folder, so that plain `npx pulumi` works in it. */
  readonly project: string;
  readonly stackConfig: string;
  readonly environment: string;
  readonly isDefault: boolean;
}

/** The folders of a rehearsal below `root`. Default: `.fleet/devnet` of this checkout. */
export function foldersIn(root: string | undefined): Folders {
  const standard = join(packageRoot(), ".fleet", "devnet");
  const base = root === undefined ? standard : resolve(root);
  const isDefault = base === standard;
  const project = isDefault ? packageRoot() : join(base, "project");
  return {
    root: base,
    network: join(base, "network"),
    state: join(base, "state"),
    pulumiHome: join(base, "pulumi"),
    keys: join(base, "keys"),
    passphrase: join(base, "passphrase"),
    host: join(base, "host"),
    logs: join(base, "logs"),
    project,
    stackConfig: join(project, "Pulumi.devnet.yaml"),
    environment: join(base, "env.sh"),
    isDefault,
  };
}
