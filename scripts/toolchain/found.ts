import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { readIfPresent, writeAtomically } from "../../system/files.js";
import { runProcess } from "../../system/process.js";
import { inRange, rangeFor, type Tool } from "./manifest.js";
import { isExecutable, onPath, type Machine } from "./platform.js";

/**
 * A fitting tool that the machine already has, first on PATH first; it is used where it lies and never changed. Asking a program for its
 * version takes a while, so answers are remembered by the program's path, size and time.
 */
export async function findOnMachine(tool: Tool, machine: Machine, cache: string): Promise<string | undefined> {
  for (const program of onPath(tool.name, machine)) {
    if (!tool.beside.every((name) => isExecutable(join(dirname(program), name)))) continue;
    const version = await rememberedVersion(tool, program, cache, machine);
    if (version !== undefined && inRange(version, rangeFor(tool, machine.env))) return program;
  }
  return undefined;
}

/** The version that a program tells, or `undefined` when it tells none within 10 s. */
export async function askVersion(tool: Tool, program: string, machine: Machine): Promise<string | undefined> {
  const kept = ["PATH", "HOME", "TMPDIR"].flatMap((name) => {
    const value = machine.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const env = { ...Object.fromEntries(kept), ...tool.probe.env };
  try {
    const { stdout, stderr } = await runProcess(program, tool.probe.args, { env, signal: AbortSignal.timeout(10_000) });
    return readVersion(tool, `${stdout}\n${stderr}`);
  } catch {
    return undefined;
  }
}

/** The version in what a program said. */
export function readVersion(tool: Tool, answer: string): string | undefined {
  const groups: (string | undefined)[] = tool.probe.pattern.exec(answer)?.slice(1) ?? [];
  return groups.find((group) => group !== undefined);
}

const memorySchema = z.record(
  z.string(),
  z.object({ size: z.number(), mtimeMs: z.number(), version: z.string().nullable() }),
);

async function rememberedVersion(
  tool: Tool,
  program: string,
  cache: string,
  machine: Machine,
): Promise<string | undefined> {
  const file = join(cache, "versions.json");
  const { size, mtimeMs } = await stat(program);
  const memory = await readMemory(file);
  const known = memory[program];
  if (known?.size === size && known.mtimeMs === mtimeMs) return known.version ?? undefined;
  const version = await askVersion(tool, program, machine);
  await mkdir(cache, { recursive: true });
  await writeAtomically(
    file,
    JSON.stringify({ ...memory, [program]: { size, mtimeMs, version: version ?? null } }),
    "public",
  );
  return version;
}

async function readMemory(file: string): Promise<z.infer<typeof memorySchema>> {
  try {
    return memorySchema.parse(JSON.parse((await readIfPresent(file)) ?? "{}"));
  } catch {
    return {};
  }
}
