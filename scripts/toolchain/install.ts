import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../system/clock.js";
import { buildWithGo, moduleFolder } from "./build.js";
import { ensureEntry, findEntry, type Entry, type Recipe } from "./cache.js";
import { downloadRelease } from "./download.js";
import { ToolUnavailable } from "./errors.js";
import { askVersion, findOnMachine } from "./found.js";
import type { Release, Tool } from "./manifest.js";
import type { Machine } from "./platform.js";
import type { Progress, Step } from "./progress.js";

/** What installing works with. */
export interface Workshop {
  readonly cache: string;
  readonly machine: Machine;
  readonly clock: Clock;
  readonly progress: Progress;
  /** Aborted when the person wants to stop: what was begun is then dropped. */
  readonly signal: AbortSignal;
}

/** The program of a tool that is there already, in the cache or on the machine. Runs no network. */
export async function locateTool(
  tool: Tool,
  { cache, machine }: Pick<Workshop, "cache" | "machine">,
): Promise<string | undefined> {
  const entry = await findEntry(cache, await recipeOf(tool, machine));
  return entry ? programIn(entry, tool, machine) : await findOnMachine(tool, machine, cache);
}

/**
 * The program of a tool: the one that is there, else the official download where it can be reached, else a build from source.
 * @throws {@link ToolUnavailable} when none of these works, with all the reasons
 */
export async function installTool(tool: Tool, workshop: Workshop): Promise<string> {
  const there = await locateTool(tool, workshop);
  if (there !== undefined) return there;
  const what = `${tool.name} ${tool.version}`;
  const step = workshop.progress.start({
    what,
    why: tool.purpose,
    how: tool.release ? asking(tool.release) : building(tool),
  });
  try {
    const entry = await ensureEntry({
      cache: workshop.cache,
      recipe: await recipeOf(tool, workshop.machine),
      clock: workshop.clock,
      produce: (folder) => obtain(tool, workshop, folder, step),
      onWaiting: () => step.now("another setup is at it, waiting"),
    });
    step.done(entry.how === "built" ? "built from source in" : "installed in");
    return programIn(entry, tool, workshop.machine);
  } catch (error) {
    step.failed();
    throw error;
  }
}

/** @returns how it was had */
async function obtain(tool: Tool, workshop: Workshop, folder: string, step: Step): Promise<string> {
  const { machine, cache, signal } = workshop;
  const reasons: string[] = [];
  if (tool.release) {
    step.now(asking(tool.release));
    const result = await downloadRelease(tool.release, machine.platform, folder, (how) => step.now(how));
    if (result.got) return await checked("downloaded");
    reasons.push(result.reason);
  }
  step.now(building(tool));
  const log = join(cache, "logs", `${tool.name}-build.log`);
  const result = await buildWithGo(tool, machine, join(folder, "bin", tool.name), log, (how) => step.now(how), signal);
  if (result.built) return await checked("built");
  throw new ToolUnavailable(tool, [...reasons, result.reason], wayOut(tool));

  async function checked(how: string): Promise<string> {
    const version = await askVersion(tool, programIn({ folder, how }, tool, machine), machine);
    if (version === tool.version) return how;
    throw new ToolUnavailable(
      tool,
      [`what was ${how} does not answer as ${tool.version} (${version ?? "it does not run"})`],
      wayOut(tool),
    );
  }
}

const asking = (release: Release): string => `asking for the official download (${release.size})`;
const building = (tool: Tool): string => `building from source, ${tool.source.takes}`;

const wayOut = (tool: Tool): string =>
  `install Go 1.26 or newer from https://go.dev/dl${tool.source.needs.length > 0 ? " and a C++ compiler (Debian: apt-get install g++)" : ""}, ` +
  `or put ${tool.name} ${tool.version} on PATH, then run the same command again.`;

/** Where the program lies in an installation: releases have their own layout. */
function programIn(entry: Entry, tool: Tool, machine: Machine): string {
  const path =
    entry.how === "downloaded" && tool.release ? tool.release.program(machine.platform) : join("bin", tool.name);
  return join(entry.folder, path);
}

async function recipeOf(tool: Tool, machine: Machine): Promise<Recipe> {
  const sums = await readFile(join(moduleFolder(tool.source), "go.sum"));
  const sources = createHash("sha256").update(sums).digest("hex");
  const ingredients = JSON.stringify([
    machine.platform,
    tool.source.package,
    tool.source.ldflags,
    sources,
    tool.release?.archive(machine.platform) ?? null,
  ]);
  return { tool: tool.name, version: tool.version, ingredients };
}
