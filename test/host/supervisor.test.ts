import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Supervisor } from "../../host/supervisor/supervisor.js";
import { FakeMachine, quiet, unitNamed } from "./fake-machine.js";

let machine: FakeMachine;
let supervisor: Supervisor;
beforeEach(() => {
  machine = new FakeMachine();
  supervisor = new Supervisor(machine.ports);
});
const ensure = (name: string, revision = "1") => supervisor.handle({ op: "ensure", unit: unitNamed(name, revision) });
const remove = (name: string) => supervisor.handle({ op: "remove", name });
const status = async (name: string) => (await supervisor.handle({ op: "status", name })).status;
const minutes = (count: number) => count * 60_000;

describe("a unit that is being started", () => {
  beforeEach(() => {
    machine.manners = { startsInMs: 500 };
  });

  test("is ended, not forgotten, when the supervisor is told to stop meanwhile", async () => {
    const ensured = ensure("a");
    await quiet();
    const stopped = supervisor.stop();
    await machine.clock.advance(minutes(1));
    await Promise.all([ensured, stopped]);
    expect(machine.events).toEqual(["start a1", "stop a1", "end a1"]);
    expect(machine.living("a")).toEqual([]);
  });

  test("is killed after its grace when it does not listen, and the stop waits for that", async () => {
    machine.manners = { startsInMs: 500, stopsInMs: minutes(60) };
    machine.written.set("a", unitNamed("a"));
    await supervisor.start(); // does not wait for its programs to be there
    let stopped = false;
    void supervisor.stop().then(() => (stopped = true));
    await machine.clock.advance(29_000);
    expect([stopped, machine.living("a").length]).toEqual([false, 1]);
    await machine.clock.advance(2_000);
    expect([stopped, machine.living("a").length]).toEqual([true, 0]);
  });
});

describe("a unit that waits to be started again", () => {
  beforeEach(async () => {
    await ensure("a");
    machine.crash("a", 1);
    await quiet();
    expect(await status("a")).toEqual({ state: "backing-off", pid: null, lastExit: 1 });
  });

  test("is never started again once it was removed", async () => {
    expect((await remove("a")).changed).toBe(true);
    await machine.clock.advance(minutes(10));
    expect(machine.events).toEqual(["start a1", "end a1"]);
    expect(await status("a")).toBeNull();
    expect([...machine.written]).toEqual([]);
  });

  test("is started at once when somebody asks for it again: what it failed on may be over", async () => {
    for (let crash = 0; crash < 5; crash++) {
      await machine.clock.advance(minutes(1));
      machine.crash("a", 1);
    }
    await quiet();
    expect(await status("a")).toMatchObject({ state: "backing-off" });
    await ensure("a");
    expect(await status("a")).toMatchObject({ state: "running" });
    expect(machine.twoAtOnce).toEqual([]);
  });

  test("is started at once, as it is to be now, when it changed", async () => {
    expect((await ensure("a", "2")).changed).toBe(true);
    await machine.clock.advance(minutes(10));
    expect(machine.events).toEqual(["start a1", "end a1", "start a2"]);
  });

  test("is not waited for when the supervisor stops", async () => {
    await supervisor.stop();
    await machine.clock.advance(minutes(10));
    expect(machine.events).toEqual(["start a1", "end a1"]);
  });
});

describe("a supervisor", () => {
  test("takes down what a former one left before it starts anything", async () => {
    for (const name of ["b", "a"]) machine.written.set(name, unitNamed(name));
    await supervisor.start();
    await quiet();
    expect(machine.events).toEqual(["orphans stopped", "start a1", "start b1"]);
  });

  test("stops its programs one by one, the last started first", async () => {
    machine.manners = { stopsInMs: 100 };
    for (const name of ["a", "b", "c"]) await ensure(name);
    machine.events.length = 0;
    const stopped = supervisor.stop();
    await machine.clock.advance(1_000);
    await stopped;
    expect(machine.events).toEqual(["stop c1", "end c1", "stop b1", "end b1", "stop a1", "end a1"]);
    expect([...machine.written.keys()]).toEqual(["a", "b", "c"]);
  });

  test("starts nothing any more once it was told to stop", async () => {
    machine.manners = { stopsInMs: 100 };
    await ensure("a");
    const stopped = supervisor.stop();
    const late = ensure("b");
    await Promise.all([
      machine.clock.advance(1_000),
      stopped,
      expect(late).rejects.toThrow("the supervisor is shutting down"),
    ]);
    expect(machine.events).toEqual(["start a1", "stop a1", "end a1"]);
  });

  test("ends the old program before it starts the changed one, also when two changes come at once", async () => {
    machine.manners = { stopsInMs: 100 };
    const all = Promise.all([ensure("a"), ensure("a", "2"), ensure("a", "3")]);
    await machine.clock.advance(1_000);
    await all;
    expect(machine.events).toEqual(["start a1", "stop a1", "end a1", "start a2", "stop a2", "end a2", "start a3"]);
  });

  test("goes on watching a program whose process it could not write down", async () => {
    machine.notesFail = true;
    await ensure("a");
    expect(machine.living("a")).toHaveLength(1);
    machine.crash("a", 1);
    await machine.clock.advance(minutes(1));
    expect(machine.events).toEqual(["start a1", "end a1", "start a1"]);
  });

  test("tries a program that cannot be started again, with longer pauses, and says so meanwhile", async () => {
    machine.manners = { broken: true };
    expect((await ensure("a")).status).toMatchObject({ state: "backing-off", pid: null });
    machine.manners = {};
    await machine.clock.advance(1_000);
    expect(await status("a")).toMatchObject({ state: "running" });
  });

  test.each([
    [0, "stopped"],
    [78, "refused"],
  ] as const)("leaves a program down that ended with %i, until it is asked for again", async (code, state) => {
    await ensure("a");
    machine.crash("a", code);
    await machine.clock.advance(minutes(10));
    expect(await status("a")).toEqual({ state, pid: null, lastExit: code });
    expect((await ensure("a")).changed).toBe(true);
    expect(machine.living("a")).toHaveLength(1);
  });
});

const names = ["a", "b"] as const;
const anyName = fc.constantFrom(...names);
type Act =
  | { do: "ensure"; name: string; revision: string }
  | { do: "remove"; name: string }
  | { do: "crash"; name: string; code: number | null }
  | { do: "manners"; startsInMs: number; stopsInMs: number; broken: boolean; notesFail: boolean }
  | { do: "advance"; ms: number };
const anyAct: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("ensure"), name: anyName, revision: fc.constantFrom("1", "2") }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("remove"), name: anyName }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("crash"), name: anyName, code: fc.constantFrom(0, 1, 75, 78, null) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("manners"),
      startsInMs: fc.constantFrom(0, 300),
      stopsInMs: fc.constantFrom(0, 700, 90_000),
      broken: fc.boolean(),
      notesFail: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("advance"), ms: fc.nat(5_000) }) },
);

test("whatever is asked and whatever fails, no unit ever runs twice, and in the end just what was asked for last runs", () =>
  fc.assert(
    fc.asyncProperty(fc.array(anyAct, { maxLength: 12 }), async (acts) => {
      machine = new FakeMachine();
      supervisor = new Supervisor(machine.ports);
      const wanted = new Map<string, string>();
      const asked: Promise<unknown>[] = [];
      for (const act of acts) {
        if (act.do === "ensure") wanted.set(act.name, act.revision);
        if (act.do === "ensure") asked.push(ensure(act.name, act.revision));
        if (act.do === "remove") wanted.delete(act.name);
        if (act.do === "remove") asked.push(remove(act.name));
        if (act.do === "crash") machine.crash(act.name, act.code);
        if (act.do === "manners") machine.manners = act;
        if (act.do === "manners") machine.notesFail = act.notesFail;
        if (act.do === "advance") await machine.clock.advance(act.ms);
      }
      machine.manners = {};
      await machine.clock.advance(minutes(30));
      await Promise.all(asked);
      for (const [name, revision] of wanted) await ensure(name, revision); // what ended with 0 or 78 is asked for again
      await machine.clock.advance(minutes(2));

      for (const name of names) {
        const revision = wanted.get(name);
        expect(machine.living(name).map((unit) => unit.revision)).toEqual(revision === undefined ? [] : [revision]);
        expect(machine.written.get(name)?.revision).toBe(revision);
      }
      expect(machine.twoAtOnce).toEqual([]);
      await Promise.all([supervisor.stop(), machine.clock.advance(minutes(1))]);
      expect(names.flatMap((name) => machine.living(name))).toEqual([]);
    }),
    { numRuns: 150 },
  ));
