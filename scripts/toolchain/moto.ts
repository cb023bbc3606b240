import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { packageRoot } from "../../system/package-root.js";
import { runProcess } from "../../system/process.js";
import { cacheKey, ensureEntry, isComplete, type Recipe } from "./cache.js";
import { BuildFailed, ToolUnavailable } from "./errors.js";
import type { Workshop } from "./install.js";
import { onPath, type Machine } from "./platform.js";
import type { Step } from "./progress.js";

/** The emulated AWS, for tests alone: a Python and the folder of packages that it needs. */
export interface Moto {
  readonly python: string;
  readonly packages: string;
}

const tool = { name: "moto", version: "5.2.5", purpose: "an emulated AWS, for tests alone" };
const requirements = (): string => join(packageRoot(), "scripts", "toolchain", "python", "moto.txt");
const packagesIn = (folder: string): string => join(folder, "packages");
const fix = "Debian: apt-get install python3-venv; then npm test again, with PyPI within reach.";

/** The machine's Python, if it has one that runs. */
function pythonOf(machine: Machine): { program: string; version: string } | undefined {
  const program = onPath("python3", machine)[0];
  if (program === undefined) return undefined;
  try {
    const ask = "import sys; print('%d.%d' % sys.version_info[:2])";
    return { program, version: execFileSync(program, ["-c", ask], { encoding: "utf8", timeout: 10_000 }).trim() };
  } catch {
    return undefined;
  }
}

/**
 * The moto that is installed, if one is. Sync, since it decides which tests there are; and it trusts what was installed: to look at each of its 17,000 files
 * would take longer than to start it.
 */
export function locateMoto({ cache, machine }: Pick<Workshop, "cache" | "machine">): Moto | undefined {
  const python = pythonOf(machine);
  if (python === undefined) return undefined;
  const folder = join(cache, cacheKey(recipeOf(machine, python.version)));
  return isComplete(folder) ? { python: python.program, packages: packagesIn(folder) } : undefined;
}

/**
 * Installs moto with its packages at pinned versions into the cache. It goes into a plain folder: a virtual environment could not be moved.
 * @throws {@link ToolUnavailable} when this machine lacks what it takes, {@link BuildFailed} when pip failed of itself
 */
export async function installMoto(workshop: Workshop): Promise<Moto> {
  const there = locateMoto(workshop);
  if (there) return there;
  const python = pythonOf(workshop.machine);
  if (python === undefined) throw new ToolUnavailable(tool, ["there is no working python3"], fix);
  const step = workshop.progress.start({
    what: `${tool.name} ${tool.version}`,
    why: tool.purpose,
    how: "from PyPI, 1 to 2 min",
  });
  try {
    const entry = await ensureEntry({
      cache: workshop.cache,
      recipe: recipeOf(workshop.machine, python.version),
      clock: workshop.clock,
      produce: (folder) => obtain(folder, python.program, workshop, step),
      onWaiting: () => step.now("another setup is at it, waiting"),
    });
    step.done("installed in");
    return { python: python.program, packages: packagesIn(entry.folder) };
  } catch (error) {
    step.failed();
    throw error;
  }
}

async function obtain(folder: string, python: string, workshop: Workshop, step: Step): Promise<string> {
  const env = environment(workshop.machine);
  const scratch = join(folder, "venv");
  const options = { env, signal: workshop.signal };
  const made = await runProcess(python, ["-m", "venv", scratch], options);
  if (made.code !== 0) throw new ToolUnavailable(tool, ["python3 comes without venv"], fix);
  step.now("fetching its packages from PyPI, 1 to 2 min");
  const result = await runProcess(
    join(scratch, "bin", "python"),
    [
      ...["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--retries", "2"],
      ...["--target", packagesIn(folder), "--requirement", requirements()],
    ],
    options,
  );
  await rm(scratch, { recursive: true, force: true });
  if (result.code === 0) return "installed";
  const reason = whyNotPip(result.stderr);
  if (reason !== undefined) throw new ToolUnavailable(tool, [reason], fix);
  const log = join(workshop.cache, "logs", "moto-install.log");
  await mkdir(dirname(log), { recursive: true });
  await writeFile(log, result.stdout + result.stderr);
  throw new BuildFailed(`${tool.name} ${tool.version}`, log, result.stderr.trim().split("\n").at(-1) ?? "");
}

/** A machine's failure rather than the packages': no network, a full disk, a Python that is too old. */
export function whyNotPip(output: string): string | undefined {
  if (/No space left on device/.test(output)) return "the disk is full";
  if (/requires a different Python|Requires-Python/.test(output)) return "python3 is too old for it";
  if (/NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError|Could not fetch URL/.test(output))
    return "PyPI can't be reached";
  return undefined;
}

function environment(machine: Machine): Record<string, string> {
  return Object.fromEntries(
    Object.entries(machine.env).flatMap(([name, value]) =>
      // what a person has set for their own Python would change ours
      value === undefined || name.startsWith("PYTHON") || name === "PIP_TARGET" ? [] : [[name, value] as const],
    ),
  );
}

function recipeOf(machine: Machine, python: string): Recipe {
  const pinned = createHash("sha256").update(readFileSync(requirements())).digest("hex");
  return {
    tool: tool.name,
    version: tool.version,
    ingredients: JSON.stringify([machine.platform, python, pinned]),
  };
}
