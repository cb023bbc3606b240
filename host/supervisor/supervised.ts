import { FleetError } from "../../schema/errors.js";
import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import type { Unit, UnitStatus } from "../services/unit.js";
import type { Notes } from "./notes.js";
import { afterExit, exitCodes } from "./restart-policy.js";
import type { RunningProgram, RunUnit } from "./run-unit.js";

/** What a supervisor works with. */
export interface SupervisorPorts {
  readonly run: RunUnit;
  readonly notes: Notes;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One unit's program and its restarts. There is never more than one of it: each ends before the next is started. */
export class Supervised {
  private program: RunningProgram | undefined;
  private state: UnitStatus["state"] = "backing-off";
  private lastExit: number | null = null;
  private readonly stopping = new AbortController();
  private readonly ended: Promise<void>;
  private readonly firstLaunch: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(
    readonly unit: Unit,
    private readonly ports: SupervisorPorts,
  ) {
    this.ended = this.keepRunning();
  }

  /** The program was started once, or could not be. */
  get launched(): Promise<void> {
    return this.firstLaunch.promise;
  }

  status(): UnitStatus {
    return { state: this.state, pid: this.program?.pid ?? null, lastExit: this.lastExit };
  }

  /** Ends the program and its restarts. Resolves when nothing of it runs. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.program?.stop(this.unit.stopTimeoutMs);
    await this.ended;
    this.state = "stopped";
  }

  private async keepRunning(): Promise<void> {
    const { clock, log } = this.ports;
    let failures = 0;
    while (!this.stopping.signal.aborted) {
      const startedAt = clock.now();
      const code = await this.once();
      this.lastExit = code;
      if (this.stopping.signal.aborted) return;
      const next = afterExit({ code, ranMs: clock.now() - startedAt, failures });
      failures = next.failures;
      log.info({ unit: this.unit.name, code, next: next.then }, "program ended");
      if (next.then === "stay-down") {
        this.state = next.as;
        return;
      }
      this.state = "backing-off";
      await clock.sleep(next.afterMs, this.stopping.signal);
    }
  }

  /** Runs the program to its end. @returns its exit code; `null` when a signal ended it or it could not be started, 78 when that has a code of ours */
  private async once(): Promise<number | null> {
    const { run, notes, log } = this.ports;
    const { unit } = this;
    try {
      const program = await run(unit);
      this.program = program;
      this.state = "running";
      if (this.stopping.signal.aborted) void program.stop(unit.stopTimeoutMs); // told to stop while it was being started
      await this.note(() => notes.started(unit.name, program.pid));
      log.info({ unit: unit.name, pid: program.pid }, "program started");
      this.firstLaunch.resolve();
      return await program.ended;
    } catch (error) {
      log.error({ unit: unit.name, err: error }, "program could not be started");
      return error instanceof FleetError ? exitCodes.misconfigured : null; // what has a code does not mend itself
    } finally {
      this.program = undefined;
      await this.note(() => notes.ended(unit.name));
      this.firstLaunch.resolve();
    }
  }

  /** A note that cannot be written (a full disk) must not cost a running program its supervision. */
  private async note(write: () => Promise<void>): Promise<void> {
    await write().catch((error: unknown) =>
      this.ports.log.warn({ unit: this.unit.name, err: error }, "the program's process could not be written down"),
    );
  }
}
