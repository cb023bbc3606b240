import type { HostFacts } from "../schema/host.js";
import { runProcess, type ProcessResult } from "../system/process.js";

/** The GPUs that NVIDIA's driver knows; none where it, or its `nvidia-smi`, is not there or does not answer within ten seconds. */
export const nvidiaGpus = (): Promise<HostFacts["gpus"]> => askForGpus(gpuFields("total"));

/**
 * The memory that is in use on these GPUs, whoever uses it (bytes), by the driver's own account; `undefined` where it does not tell, as in a container without a driver.
 * None named: all of them.
 */
export async function gpuMemoryInUse(ids: readonly string[]): Promise<number | undefined> {
  const { chosen, missing } = chosenGpus(await askForGpus(gpuFields("used")), ids);
  if (chosen.length === 0 || missing.length > 0) return undefined;
  return chosen.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
}

async function askForGpus(fields: string): Promise<HostFacts["gpus"]> {
  try {
    const answer = await askNvidiaSmi(fields, AbortSignal.timeout(10_000));
    return answer.code === 0 ? parseNvidiaSmi(answer.stdout) : [];
  } catch {
    return [];
  }
}

/** Asks `nvidia-smi` for these fields of each GPU. @throws Error where there is none, or the signal comes first */
export const askNvidiaSmi = (fields: string, signal: AbortSignal): Promise<ProcessResult> =>
  runProcess("nvidia-smi", [`--query-gpu=${fields}`, "--format=csv,noheader,nounits"], {
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin" },
    signal,
  });

/** What {@link askNvidiaSmi} is asked for {@link parseNvidiaSmi}. */
export const gpuFields = (memory: "total" | "used"): string => `index,uuid,name,memory.${memory}`;

/** Reads lines such as `0, GPU-5ebe9f43-…, NVIDIA L4, 23034`, the memory in MiB. A line that is none (`[N/A]` for the memory) is no GPU to us. Pure. */
export function parseNvidiaSmi(output: string): HostFacts["gpus"] {
  return output.split("\n").flatMap((line) => {
    const [, index, uuid, name, mebibytes] = /^\s*(\d+)\s*,\s*(\S+)\s*,\s*(\S.*?)\s*,\s*(\d+)\s*$/.exec(line) ?? [];
    if (index === undefined || uuid === undefined || name === undefined) return [];
    return [{ name, memoryBytes: Number(mebibytes) * 1024 ** 2, index, uuid }];
  });
}

/** The GPUs that were asked for, and which of the asked ones there are none of. Nothing asked for: all. Pure. */
export function chosenGpus(
  gpus: HostFacts["gpus"],
  ids: readonly string[],
): { chosen: HostFacts["gpus"]; missing: readonly string[] } {
  if (ids.length === 0) return { chosen: gpus, missing: [] };
  const isNamed = ({ index, uuid }: HostFacts["gpus"][number], id: string): boolean => id === index || id === uuid;
  return {
    chosen: gpus.filter((gpu) => ids.some((id) => isNamed(gpu, id))),
    missing: ids.filter((id) => !gpus.some((gpu) => isNamed(gpu, id))),
  };
}
