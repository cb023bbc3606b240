import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../../system/clock.js";
import { freePort } from "../../../system/net.js";
import { makeFakeBundle } from "../host/fake-bundle.js";
import { tool } from "../toolchain.js";
import { openOwnProgram, type OwnProgram } from "./own-program.js";
import { makeSmallBundle } from "./small-bundle.js";
import { startSshd, whyNoSshd, type Sshd } from "./sshd.js";

const numbers = Array.from({ length: 10 }, (_, index) => index + 1);
/** The engine works on four resources a core at a time, unless it is told otherwise. */
const atOnce = ["--parallel", "20"];

describe.skipIf(whyNoSshd() !== undefined)("ten hosts in one stack, each behind an SSH server of its own", () => {
  let folder: string;
  let bundle: string;
  let ollama: string;
  let engine: OwnProgram;
  const servers: Sshd[] = [];
  const ports: number[] = [];
  const nameOf = (number: number): string => `host-${number}`;
  const rootOf = (number: number): string => join(folder, "machines", nameOf(number));
  const last = 10;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lf-ten-"));
    ollama = await tool("ollama");
    bundle = await heldBundle(folder);
    engine = await openOwnProgram(folder);
    for (const number of numbers) {
      await mkdir(rootOf(number), { recursive: true, mode: 0o700 });
      const [friend] = servers;
      servers.push(await startSshd(friend === undefined ? {} : { friend }));
      ports.push(await freePort());
    }
  }, 300_000);
  afterAll(async () => {
    await writeFile(join(folder, "go"), "");
    await engine?.destroy(...atOnce);
    for (const sshd of servers.reverse()) await sshd.end();
    await rm(folder, { recursive: true, force: true });
  }, 300_000);

  /** @param bootMs how long the last host is waited for */
  const program = (bootMs = 60_000): string => {
    const hosts = numbers.map((number) => ({
      name: nameOf(number),
      args: {
        connection: { ...servers[number - 1]!.way, bootMs: number === last ? bootMs : 60_000 },
        root: rootOf(number),
        ...{ bundle, ollama, ollamaPort: ports[number - 1]!, gpu: "none" },
      },
    }));
    return `const { SshHost } = component("host/ssh/host.js");
for (const { name, args } of ${JSON.stringify(hosts)}) new SshHost(name, args);`;
  };
  const done = async (running: ReturnType<OwnProgram["up"]>): Promise<void> => {
    const { code, said } = await running;
    if (code !== 0) throw new Error(said);
  };
  /** Names of hosts with which the run has come so far. */
  const hosts = async (is: "begun" | "ended", op: string): Promise<string[]> =>
    (await engine.steps()).filter((step) => step.is === is && step.op === op).map(({ name }) => name);
  const others = numbers.filter((number) => number !== last).map(nameOf);
  const sorted = (names: readonly string[]): string[] => [...names].sort();
  const answers = async (number: number): Promise<boolean> =>
    fetch(`http://127.0.0.1:${ports[number - 1]!}/api/version`).then(
      ({ ok }) => ok,
      () => false,
    );

  test("are set up at once: each gets as far as its own machine's checks while no other one is let past them", async () => {
    const running = engine.up(program(), ...atOnce);
    const arrived = async (): Promise<string[]> => readdir(join(folder, "arrived"));
    await until(async () => (await arrived()).length === numbers.length, running, "ten hosts that are being checked");
    expect(sorted(await arrived())).toEqual(sorted(numbers.map(nameOf)));
    expect(await hosts("ended", "create")).toEqual([]);
    expect(await Promise.all(numbers.map(answers))).not.toContain(true);

    await writeFile(join(folder, "go"), "");
    await done(running);
    expect(sorted(await hosts("ended", "create"))).toEqual(sorted(numbers.map(nameOf)));
    const steps = await engine.steps();
    const firstEnd = steps.findIndex(({ is }) => is === "ended");
    expect(steps.slice(0, firstEnd).filter(({ is }) => is === "begun")).toHaveLength(numbers.length);
    expect(await Promise.all(numbers.map(answers))).not.toContain(false);
  });

  test("are as they were at the next up", async () => {
    await done(engine.up(program(), ...atOnce, "--expect-no-changes"));
  });

  test("are taken down at once, and leave nothing", async () => {
    await done(engine.destroy(...atOnce));
    for (const number of numbers) expect(await readdir(rootOf(number)).catch(() => [])).toEqual([]);
    const steps = await engine.steps();
    const firstEnd = steps.findIndex(({ is }) => is === "ended");
    expect(steps.slice(0, firstEnd).filter(({ is }) => is === "begun")).toHaveLength(numbers.length);
  });

  test("are up where nine are and one does not answer, which is named; the next up makes it alone", async () => {
    await servers[last - 1]!.stop();
    const { code, said } = await engine.up(program(1_000), ...atOnce);
    expect(code).not.toBe(0);
    expect(said).toMatch(new RegExp(`LF1530: .*127\\.0\\.0\\.1:${servers[last - 1]!.port}`));
    expect(sorted(await hosts("ended", "create"))).toEqual(sorted(others));
    await servers[last - 1]!.start();
    await done(engine.up(program(1_000), ...atOnce));
    expect(await hosts("ended", "create")).toEqual([nameOf(last)]);
    await done(engine.destroy(...atOnce));
  });

  test("do not wait for the one that is still being waited for", async () => {
    await servers[last - 1]!.stop();
    const running = engine.up(program(600_000), ...atOnce);
    await until(async () => (await hosts("ended", "create")).length === others.length, running, "nine hosts");
    expect(sorted(await hosts("ended", "create"))).toEqual(sorted(others));
    expect(await hosts("begun", "create")).toContain(nameOf(last));
    await servers[last - 1]!.start();
    await done(running);
    expect(await hosts("ended", "create")).toContain(nameOf(last));
  });
});

/**
 * A bundle with the real host program and supervisor, which is quick to bring somewhere: a shell stands in Node's place and starts this process's own. What holds a machine
 * against its workers' needs says first that it is there, and then waits until the file `go` is.
 */
async function heldBundle(folder: string): Promise<string> {
  const real = await makeFakeBundle(join(folder, "real"));
  await mkdir(join(folder, "arrived"));
  const hold = `#!/bin/sh
here=$(dirname "$0")
if [ "$1" = preflight ]; then
  : > "${folder}/arrived/$(basename "$(dirname "$(dirname "$here")")")"
  left=1500
  while [ ! -e "${folder}/go" ]; do
    left=$((left - 1))
    [ $left -gt 0 ] || exit 1
    sleep 0.2
  done
fi
exec "${process.execPath}" "$here/host-program.js" "$@"
`;
  return makeSmallBundle(join(folder, "bundle"), {
    node: await readFile("/bin/sh"),
    "host.js": hold,
    "host-program.js": await readFile(join(real, "host.js")),
    "supervisor.js": await readFile(join(real, "supervisor.js")),
  });
}

/** Waits until it is so, as long as the run goes on. @throws Error after two minutes, or with what a run said that ended before */
async function until(holds: () => Promise<boolean>, running: Promise<{ said: string }>, what: string): Promise<void> {
  let ended: string | undefined;
  void running.then(({ said }) => (ended = said));
  for (const end = Date.now() + 120_000; Date.now() < end; await systemClock.sleep(100)) {
    if (await holds()) return;
    if (ended !== undefined) throw new Error(`it ended before there were ${what}: ${ended}`);
  }
  throw new Error(`not within two minutes: ${what}`);
}
