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
});
export type Unit = z.infer<typeof unitSchema>;

/** What became of a unit. `refused`: it ended with 78 (misconfigured) and stays down until it changes. */
export const unitStatusSchema = z.object({
  state: z.enum(["running", "backing-off", "stopped", "refused"]),
  pid: z.number().int().nullable(),
  lastExit: z.number().int().nullable(),
});
export type UnitStatus = z.infer<typeof unitStatusSchema>;

/** Keeps units running: systemd where it is PID 1, else our own supervisor. */
export interface ServiceManager {
  readonly kind: "systemd" | "supervisor";
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
