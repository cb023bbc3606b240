import type { ChildProcess } from "node:child_process";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../system/clock.js";
import { writeAtomically } from "../../system/files.js";
import type { Logger } from "../../system/log.js";
import { stopProcess } from "../../system/process.js";
import { toJson } from "../../schema/json.js";
import { unitSchema, type Unit, type UnitStatus } from "../services/unit.js";
import { forgetChild, rememberChild, stopOrphans } from "./orphans.js";
import { afterExit } from "./restart-policy.js";
import { runUnit } from "./run-unit.js";
import type { SupervisorReply, SupervisorRequest } from "./protocol.js";

/** Where a supervisor keeps what it needs to go on after its own restart. */
export interface SupervisorFolders {
  readonly units: string;
  readonly pids: string;
}

/** Keeps a set of programs running, restarting those that fail. One per host folder. */
export class Supervisor {
  private readonly running = new Map<string, Supervised>();
  private readonly order: string[] = [];

  constructor(
    private readonly folders: SupervisorFolders,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {}

  /** Takes down what a former supervisor left, then starts every unit that is written down. */
  async start(): Promise<void> {
    await stopOrphans(this.folders.pids, 10_000, this.clock);
    for (const file of (await readdir(this.folders.units)).filter((name) => name.endsWith(".json")).sort()) {
      const unit = unitSchema.parse(JSON.parse(await readFile(join(this.folders.units, file), "utf8")));
      this.run(unit);
    }
  }

  async handle(request: SupervisorRequest): Promise<Omit<SupervisorReply, "pid">> {
    switch (request.op) {
      case "ensure":
        return { changed: await this.ensure(request.unit), status: this.statusOf(request.unit.name), error: null };
      case "remove":
        return { changed: await this.remove(request.name), status: null, error: null };
      case "status":
        return { changed: false, status: this.statusOf(request.name), error: null };
      case "shutdown":
        await this.stop();
        return { changed: true, status: null, error: null };
    }
  }

  /** Stops everything, last started first. The units stay written down. */
  async stop(): Promise<void> {
    for (const name of [...this.order].reverse()) await this.running.get(name)?.stop();
    this.running.clear();
    this.order.length = 0;
  }

  private async ensure(unit: Unit): Promise<boolean> {
    const current = this.running.get(unit.name);
    if (current !== undefined && toJson(current.unit) === toJson(unit) && current.status().state !== "refused") {
      if (current.status().state !== "stopped") return false;
    }
    await current?.stop();
    await writeAtomically(join(this.folders.units, `${unit.name}.json`), toJson(unit), "private");
    await this.run(unit).launched;
    return true;
  }

  private async remove(name: string): Promise<boolean> {
    const current = this.running.get(name);
    await current?.stop();
    this.running.delete(name);
    const place = this.order.indexOf(name);
    if (place >= 0) this.order.splice(place, 1);
    await rm(join(this.folders.units, `${name}.json`), { force: true });
    return current !== undefined;
  }

  private run(unit: Unit): Supervised {
    if (!this.order.includes(unit.name)) this.order.push(unit.name);
    const supervised = new Supervised(unit, this.folders.pids, this.clock, this.log);
    this.running.set(unit.name, supervised);
    return supervised;
  }

  private statusOf(name: string): UnitStatus | null {
    return this.running.get(name)?.status() ?? null;
  }
}

/** One program and its restarts. */
class Supervised {
  private child: ChildProcess | undefined;
  private state: UnitStatus["state"] = "backing-off";
  private lastExit: number | null = null;
  private readonly stopping = new AbortController();
  private readonly ended: Promise<void>;
  private readonly firstLaunch = Promise.withResolvers<void>();

  constructor(
    readonly unit: Unit,
    private readonly pidFolder: string,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {
    this.ended = this.keepRunning();
  }

  /** The program was started once, or could not be. */
  get launched(): Promise<void> {
    return this.firstLaunch.promise;
  }

  status(): UnitStatus {
    return { state: this.state, pid: this.child?.pid ?? null, lastExit: this.lastExit };
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    if (this.child) await stopProcess(this.child, this.unit.stopTimeoutMs);
    await this.ended;
    this.state = "stopped";
  }

  private async keepRunning(): Promise<void> {
    let failures = 0;
    while (!this.stopping.signal.aborted) {
      const startedAt = this.clock.now();
      const code = await this.once();
      this.lastExit = code;
      if (this.stopping.signal.aborted) return;
      const next = afterExit({ code, ranMs: this.clock.now() - startedAt, failures });
      failures = next.failures;
      this.log.info({ unit: this.unit.name, code, next: next.then }, "program ended");
      if (next.then === "stay-down") {
        this.state = next.as;
        return;
      }
      this.state = "backing-off";
      await this.clock.sleep(next.afterMs, this.stopping.signal);
    }
  }

  /** Runs the program to its end. @returns its exit code; `null` when a signal ended it or it could not be started */
  private async once(): Promise<number | null> {
    try {
      const child = await runUnit(this.unit);
      const exit = new Promise<number | null>((resolve) => {
        child.once("exit", (code) => resolve(code));
        child.once("error", () => resolve(null));
      });
      this.child = child;
      this.state = "running";
      if (this.stopping.signal.aborted) child.kill("SIGTERM"); // told to stop while it was being started
      if (child.pid !== undefined) await rememberChild(this.pidFolder, this.unit.name, child.pid);
      this.firstLaunch.resolve();
      this.log.info({ unit: this.unit.name, pid: child.pid }, "program started");
      return await exit;
    } catch (error) {
      this.log.error({ unit: this.unit.name, err: error }, "program could not be started");
      return null;
    } finally {
      this.firstLaunch.resolve();
      this.child = undefined;
      await forgetChild(this.pidFolder, this.unit.name);
    }
  }
}
