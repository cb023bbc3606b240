import { dockerAddress, noDockerVariable, whyNoEngineAt } from "./docker-engine.js";
import { ensureImage, noImage, noImageVariable } from "./image.js";
import { removeAbandoned } from "./leftovers.js";
import { startOwnEngine } from "./own-engine.js";

/**
 * Run once before the host suites: sees to a Docker engine. One that answers is used as it is; else one of our own is started, and stopped when the last
 * suite is over. The tests learn of either from the environment.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  const whyNot = whyNoEngineAt(dockerAddress());
  if (whyNot === undefined) {
    await removeAbandoned();
    await prepareImage();
    return undefined;
  }
  const own = await startOwnEngine();
  if (typeof own === "string") {
    process.env[noDockerVariable] = `${whyNot}, and ${own}`;
    return undefined;
  }
  process.env["DOCKER_HOST"] = own.address;
  await prepareImage();
  return () => own.stop();
}

/** Makes the machines' image before the suites ask for it at the same time; where that fails, the machines' suites are not run, and say why. */
async function prepareImage(): Promise<void> {
  if (noImage() !== undefined) return;
  try {
    await ensureImage(() => process.stderr.write("◐ making the image of the tests' machines, about a minute, once\n"));
  } catch (error) {
    process.env[noImageVariable] = error instanceof Error ? error.message : String(error);
  }
}
