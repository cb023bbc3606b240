import { toJson } from "../../schema/json.js";
import type { Unit, UnitStatus } from "../services/unit.js";
import { Supervised, type SupervisorPorts } from "./supervised.js";
import type { SupervisorReply, SupervisorRequest } from "./protocol.js";

/** Keeps a set of programs running, restarting those that fail. One per host folder. */
export class Supervisor {
  private readonly running = new Map<string, Supervised>();
  /** Names in the order they were first started. */
  private readonly order: string[] = [];
  private turn: Promise<unknown> = Promise.resolve();
  private stopped = false;

  constructor(private readonly ports: SupervisorPorts) {}

  /** Takes down what a former supervisor left, then starts every unit that is written down. */
  start(): Promise<void> {
    return this.inTurn(async () => {
      await this.ports.notes.stopOrphans();
      for (const unit of await this.ports.notes.units()) this.run(unit);
    });
  }

  async handle(request: SupervisorRequest): Promise<Omit<SupervisorReply, "pid">> {
    switch (request.op) {
      case "ensure": {
        const changed = await this.inTurn(() => this.ensure(request.unit));
        return { changed, status: this.statusOf(request.unit.name), error: null };
      }
      case "remove":
        return { changed: await this.inTurn(() => this.remove(request.name)), status: null, error: null };
      case "status":
        return { changed: false, status: this.statusOf(request.name), error: null };
      case "shutdown":
        await this.stop();
        return { changed: true, status: null, error: null };
    }
  }

  /** Stops everything, last started first. The units stay written down. Nothing is started afterwards. */
  stop(): Promise<void> {
    return this.inTurn(async () => {
      this.stopped = true;
      for (const name of [...this.order].reverse()) await this.running.get(name)?.stop();
      this.running.clear();
      this.order.length = 0;
    });
  }

  private async ensure(unit: Unit): Promise<boolean> {
    if (this.stopped) throw new Error("the supervisor is shutting down");
    const current = this.running.get(unit.name);
    // One that waits to be started again is started now: what it failed on may be over, and somebody asks for it.
    if (current?.status().state === "running" && toJson(current.unit) === toJson(unit)) return false;
    await this.ports.notes.keep(unit); // first: what cannot be written down changes nothing
    await current?.stop();
    await this.run(unit).launched;
    return true;
  }

  private async remove(name: string): Promise<boolean> {
    const current = this.running.get(name);
    await this.ports.notes.drop(name); // first: should this process be killed now, the next one must not start it again
    await current?.stop();
    this.running.delete(name);
    const place = this.order.indexOf(name);
    if (place >= 0) this.order.splice(place, 1);
    return current !== undefined;
  }

  private run(unit: Unit): Supervised {
    if (!this.order.includes(unit.name)) this.order.push(unit.name);
    const supervised = new Supervised(unit, this.ports);
    this.running.set(unit.name, supervised);
    return supervised;
  }

  private statusOf(name: string): UnitStatus | null {
    return this.running.get(name)?.status() ?? null;
  }

  /** One change at a time, in the order they were asked for: a program is never started behind the back of the one that stops it. */
  private inTurn<T>(change: () => Promise<T>): Promise<T> {
    const mine = this.turn.then(change);
    this.turn = mine.catch(() => undefined);
    return mine;
  }
}
