import { join } from "node:path";
import { FleetError } from "../schema/errors.js";
import { workerStateFolder } from "../schema/host.js";
import { controlSocketName } from "../system/control-client.js";

/** LF1330: a name that could reach outside its folder. */
export class BadName extends FleetError {
  constructor(what: string, name: string) {
    super("LF1330", `"${name}" is no name for a ${what}: letters, digits, dots and dashes, at most 63.`, {
      fix: `choose another name for the ${what}.`,
    });
  }
}

/** Checks a name that becomes part of a path. @throws BadName */
export function safeName(what: string, name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/.test(name) || name.includes("..")) throw new BadName(what, name);
  return name;
}

/** Where everything of ours lies on a host, all of it below one folder. */
export interface Layout {
  readonly root: string;
  /** X25519 secret, mode 0600: opens what is sealed to this host. */
  readonly hostKey: string;
  readonly document: string;
  /** Digests that models were first pulled with. */
  readonly modelsLock: string;
  readonly reconcileLock: string;
  readonly ollama: string;
  /** Every worker's folder; it may be a disk of its own. */
  readonly workers: string;
  /** Node's cache of compiled code. */
  readonly compileCache: string;
  readonly supervisor: SupervisorLayout;
  /** Each file and folder of ours in the root, but for the bundles. */
  readonly everything: readonly string[];
  bundle(hash: string): string;
  worker(name: string): WorkerLayout;
}
/** Where the supervisor keeps what it needs. */
export interface SupervisorLayout {
  readonly folder: string;
  readonly units: string;
  readonly pids: string;
  readonly socket: string;
  readonly lock: string;
  readonly log: string;
}
/** Where one worker's things are. */
export interface WorkerLayout {
  readonly folder: string;
  readonly sealed: string;
  /** The secret as an encrypted systemd credential. */
  readonly credential: string;
  readonly settings: string;
  readonly state: string;
  /** Compiled code of a sidecar that has a user of its own: nobody else may write what it runs. */
  readonly cache: string;
  /** The sidecar's control socket, in its state folder. */
  readonly socket: string;
  readonly log: string;
}

/** Every path below a host's root. */
export function layoutOf(root: string): Layout {
  const supervisor = join(root, "supervisor");
  const workers = join(root, "workers");
  return {
    root,
    hostKey: join(root, "host-key"),
    document: join(root, "document.json"),
    modelsLock: join(root, "models.lock"),
    reconcileLock: join(root, "reconcile.lock"),
    ollama: join(root, "ollama"),
    workers,
    compileCache: join(root, "compile-cache"),
    everything: [
      "workers",
      "ollama",
      "supervisor",
      "compile-cache",
      "models.lock",
      "document.json",
      "host-key",
      "host-key.place",
      "reconcile.lock",
      "reconcile.lock-journal",
    ].map((name) => join(root, name)),
    supervisor: {
      folder: supervisor,
      units: join(supervisor, "units"),
      pids: join(supervisor, "pids"),
      socket: join(supervisor, "control.sock"),
      lock: join(supervisor, "lock"),
      log: join(supervisor, "supervisor.log"),
    },
    bundle: (hash) => join(root, "bundles", hash),
    worker: (name) => {
      const folder = join(workers, safeName("worker", name));
      return {
        folder,
        sealed: join(folder, "sealed.json"),
        credential: join(folder, "secret.cred"),
        settings: join(folder, "settings.json"),
        state: workerStateFolder(root, name),
        cache: join(folder, "cache"),
        socket: join(workerStateFolder(root, name), controlSocketName),
        log: join(folder, "sidecar.log"),
      };
    },
  };
}
