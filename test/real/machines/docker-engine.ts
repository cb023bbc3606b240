import { execFileSync } from "node:child_process";
import { runProcess, type ProcessResult } from "../../../system/process.js";

/** Where an engine listens when nobody says otherwise. */
const usualAddress = "unix:///var/run/docker.sock";

/** What the suite's set-up (`setup.ts`) leaves for the tests when there is no engine and none could be started. */
export const noDockerVariable = "LIGHTCHAIN_TEST_NO_DOCKER";

/** The engine that the tests use: the one that `DOCKER_HOST` names, which the set-up points at our own where there was none. */
export const dockerAddress = (): string => {
  const named = process.env["DOCKER_HOST"];
  return named === undefined || named === "" ? usualAddress : named;
};

/** Why there is no Docker engine for the tests; `undefined` when there is one. Sync, since it decides which tests there are. */
export function noDocker(): string | undefined {
  const said = process.env[noDockerVariable];
  return said === undefined || said === "" ? whyNoEngineAt(dockerAddress()) : said;
}

/** {@link noDocker} for whoever can wait. */
export const whyNoDocker = async (): Promise<string | undefined> => noDocker();

/** Why no engine answers there; `undefined` when one does. */
export function whyNoEngineAt(address: string): string | undefined {
  // The machines' networks and mounts are of the engine's machine, and the tests look at them from here.
  if (!address.startsWith("unix://")) return `the Docker engine at ${address} is on another machine`;
  try {
    execFileSync("docker", ["version", "--format", "{{.Server.Version}}"], {
      env: { ...process.env, DOCKER_HOST: address },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 10_000,
    });
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "the docker client is not installed";
    return `no Docker engine answers at ${address}`;
  }
}

/** For the name of a suite that is skipped, so that the list of what was not run says why. */
export const because = (reason: string | undefined): string => (reason === undefined ? "" : ` [not run: ${reason}]`);

/** Runs the Docker client. Never rejects because of an exit code. */
export function docker(
  args: readonly string[],
  options: { input?: string | Uint8Array; signal?: AbortSignal } = {},
): Promise<ProcessResult> {
  const env = { ...(process.env as Record<string, string>), DOCKER_HOST: dockerAddress(), DOCKER_BUILDKIT: "0" };
  return runProcess("docker", args, { ...options, env });
}

/** Runs the Docker client, which must succeed. @returns what it printed, without the last newline */
export async function mustDocker(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await docker(args);
  if (code !== 0) throw new Error(`docker ${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
  return stdout.trimEnd();
}
