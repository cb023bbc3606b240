import { systemClock } from "../../../system/clock.js";
import type { ProcessResult } from "../../../system/process.js";
import { parseAnswer } from "../host-program.js";
import { docker, inspectContainer, type InspectedContainer } from "./cli.js";
import type { DockerEngine } from "./engine.js";
import { ContainerDown, ContainerMissing } from "./errors.js";

/** Longest that a container may take to run, and to be still running when it is asked something (ms). */
const startMs = 10_000;

/**
 * Starts a container that was stopped, and waits until it runs.
 * @param mayStart false: one that does not run is only told
 * @throws ContainerMissing LF1582, ContainerDown LF1583, EngineUnreachable LF1580
 */
export async function startIfStopped(engine: DockerEngine, container: string, mayStart = true): Promise<void> {
  let there = await found(engine, container);
  if (runs(there)) return;
  if (!mayStart && !there.State.Restarting) throw new ContainerDown(engine, container, describe(there));
  if (!there.State.Restarting) {
    const started = await docker(engine, ["start", container]);
    if (started.code !== 0)
      throw new ContainerDown(engine, container, `it cannot be started (${started.stderr.trim()})`);
  }
  for (const end = systemClock.now() + startMs; systemClock.now() < end; await systemClock.sleep(200)) {
    there = await found(engine, container);
    if (runs(there)) return;
  }
  throw new ContainerDown(engine, container, describe(there));
}

/**
 * Runs something in a container, and once more where the engine refused it because the container was stopped or is just being started again.
 * @param run `docker exec`: what it runs always gives an answer, so that anything else without a word on its error output is the engine's refusal, whatever the exit code: it can
 *   be 0 when the container ends under what was being started in it
 */
export async function inContainer(
  engine: DockerEngine,
  container: string,
  mayStart: boolean,
  run: () => Promise<ProcessResult>,
): Promise<ProcessResult> {
  let how = "it ends as soon as it is started";
  for (const end = systemClock.now() + startMs; ; await systemClock.sleep(200)) {
    const ended = await run();
    if (parseAnswer(ended.stdout) !== undefined) return ended;
    const there = await inspectContainer(engine, container);
    if (there !== undefined && !runs(there)) how = describe(there);
    await startIfStopped(engine, container, mayStart);
    if (!isRefusal(ended)) return ended;
    if (systemClock.now() >= end) throw new ContainerDown(engine, container, how);
  }
}

async function found(engine: DockerEngine, container: string): Promise<InspectedContainer> {
  const there = await inspectContainer(engine, container);
  if (there === undefined) throw new ContainerMissing(engine, container);
  return there;
}

const runs = ({ State }: InspectedContainer): boolean => State.Running && !State.Restarting;

const describe = ({ State }: InspectedContainer): string =>
  State.Restarting
    ? `it ends again and again, last with exit code ${State.ExitCode}`
    : `it was stopped, or ended with exit code ${State.ExitCode}`;

/** The engine's own word, or a process that went down with its container: killed, or before it had said anything to anybody. Pure. */
export const isRefusal = ({ code, stdout, stderr }: Pick<ProcessResult, "code" | "stdout" | "stderr">): boolean =>
  code === 137 || stderr.trim() === "" || isEngines(stderr) || isEngines(stdout);

/** How the engine, its client and what runs containers for it say that there is none to run it in: on either output. */
const isEngines = (text: string): boolean =>
  /^(Error|OCI runtime |cannot exec in a stopped |unable to upgrade to tcp)/m.test(text);
