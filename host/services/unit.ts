import { z } from "zod";

/** A program that is kept running on a host. Rests as JSON, without any secret. */
export const unitSchema = z.object({
  name: z.string().min(1),
  /** What it is, for a person. */
  description: z.string(),
  command: z.array(z.string()).min(1),
  /** The whole environment; nothing is inherited. */
  environment: z.record(z.string(), z.string()),
  folder: z.string(),
  log: z.string(),
  /** From SIGTERM to SIGKILL (ms). */
  stopTimeoutMs: z.number().int().positive(),
  /** Changes when the program must be restarted although the command reads the same, for instance new settings. */
  revision: z.string(),
  /** A sealed file whose content the program reads from descriptor 3, opened anew at each start. */
  secret: z.object({ sealed: z.string(), hostKey: z.string(), host: z.string() }).nullable(),
  /*
   * What follows only a manager with a {@link Confinement} does. A unit without it runs as the manager's own user and sees what that sees.
   */
  /** System user it runs as. */
  user: z.string().optional(),
  /** What it is kept from. */
  sandbox: z.enum(["sidecar", "ollama"]).optional(),
  /** All that it sees below the host's folder, absolute paths: what it may only read, and folders that it owns and may write. */
  readable: z.array(z.string()).optional(),
  writable: z.array(z.string()).optional(),
  /** A systemd credential that is decrypted at each start, and the public half (hex) of the host's key without which it must not be. */
  credential: z.object({ file: z.string(), hostKey: z.string(), sealKey: z.string() }).optional(),
  /** More memory, or more processes and threads, than these it is not given. */
  memoryMaxBytes: z.number().int().positive().optional(),
  tasksMax: z.number().int().positive().optional(),
  /** A sidecar that does not answer on its control socket for so long is killed and started again. */
  watchdog: z.object({ seconds: z.number().int().positive(), state: z.string() }).optional(),
});
export type Unit = z.infer<typeof unitSchema>;

/** What became of a unit. `refused`: it ended with 78 (misconfigured) and stays down until it changes. */
export const unitStatusSchema = z.object({
  state: z.enum(["running", "backing-off", "stopped", "refused"]),
  pid: z.number().int().nullable(),
  lastExit: z.number().int().nullable(),
});
export type UnitStatus = z.infer<typeof unitStatusSchema>;

/** A user of the machine. */
export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Secrets as they rest where systemd can encrypt them for this machine alone. */
export interface CredentialStore {
  /** Encrypts a secret; what comes back may rest on a disk. Nothing of the secret is in an argument, an environment or a file. */
  encrypt(secret: Uint8Array): Promise<string>;
  /** Whether this machine can still decrypt what is in a file. */
  opens(file: string): Promise<boolean>;
  /** Where a unit's program finds its secret. */
  pathFor(unit: string): string;
}

/** What only a manager that rules the machine gives: a user to each unit, and secrets that rest encrypted for this machine. */
export interface Confinement {
  /** The unit's own user, made if there is none, a member of those of the groups that the machine has. */
  user(unit: string, groups: readonly string[]): Promise<SystemUser>;
  /** Takes the unit's user away. Nothing of it may run any more. */
  forgetUser(unit: string): Promise<void>;
  /** `undefined`: systemd is older than 250, or cannot do it here. Secrets then rest sealed, and a parent process opens them. */
  credentials(): Promise<CredentialStore | undefined>;
}

/** Keeps units running: systemd where it is PID 1, else our own supervisor. */
export interface ServiceManager {
  readonly kind: "systemd" | "supervisor";
  readonly confinement?: Confinement;
  /** Makes the unit run as given. @returns whether anything had to change */
  ensure(unit: Unit): Promise<boolean>;
  /** Stops it for good and forgets it. @returns whether there was one */
  remove(name: string): Promise<boolean>;
  /** `undefined`: no such unit. Starts nothing. */
  status(name: string): Promise<UnitStatus | undefined>;
  /** Brings up again what keeps units running, if it was killed or the machine restarted, and with it every unit it knows. */
  resume(): Promise<void>;
  /** Nothing is left to run: whatever ran for all units ends too. */
  shutdown(): Promise<void>;
}
