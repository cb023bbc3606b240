import type { HostFacts } from "../schema/host.js";
import { runProcess } from "../system/process.js";

/** The GPUs that NVIDIA's driver knows; none where it, or its `nvidia-smi`, is not there or does not answer within ten seconds. */
export async function nvidiaGpus(path = process.env["PATH"] ?? "/usr/bin:/bin"): Promise<HostFacts["gpus"]> {
  const query = [`--query-gpu=${gpuFields}`, "--format=csv,noheader,nounits"];
  try {
    const answer = await runProcess("nvidia-smi", query, { env: { PATH: path }, signal: AbortSignal.timeout(10_000) });
    return answer.code === 0 ? parseNvidiaSmi(answer.stdout) : [];
  } catch {
    return [];
  }
}

/** What is asked of `nvidia-smi` for {@link parseNvidiaSmi}. */
export const gpuFields = "index,uuid,name,memory.total";

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
