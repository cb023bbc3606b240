import { systemClock } from "../../system/clock.js";
import { docker, inspectContainer } from "./docker-cli.js";
import type { DockerEngine } from "./docker-engine.js";
import { ContainerDown, ContainerMissing } from "./docker-errors.js";

/**
 * Starts a container that was stopped, and waits until it runs.
 * @param mayStart false: one that does not run is only told
 * @returns whether it had to
 * @throws ContainerMissing LF1582, ContainerDown LF1583, EngineUnreachable LF1580
 */
export async function startIfStopped(engine: DockerEngine, container: string, mayStart = true): Promise<boolean> {
  const there = await inspectContainer(engine, container);
  if (there === undefined) throw new ContainerMissing(engine, container);
  const { Running, Restarting, ExitCode } = there.State;
  if (Running && !Restarting) return false;
  const how = Restarting
    ? `it ends again and again, last with exit code ${ExitCode}`
    : `it was stopped, or ended with exit code ${ExitCode}`;
  if (!mayStart) throw new ContainerDown(engine, container, how);
  const started = await docker(engine, ["start", container]);
  if (started.code !== 0) throw new ContainerDown(engine, container, `it cannot be started (${started.stderr.trim()})`);
  for (const end = systemClock.now() + startMs; systemClock.now() < end; await systemClock.sleep(200)) {
    const now = (await inspectContainer(engine, container))?.State;
    if (now?.Running === true && !now.Restarting) return true;
  }
  throw new ContainerDown(engine, container, how);
}

/** Longest that a container may take to run once it is started (ms). */
const startMs = 10_000;
