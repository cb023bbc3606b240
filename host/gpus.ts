import type { HostFacts } from "../schema/host.js";
import { runProcess } from "../system/process.js";

/** The GPUs that NVIDIA's driver knows; none where it, or its `nvidia-smi`, is not there or does not answer within ten seconds. */
export async function nvidiaGpus(path = process.env["PATH"] ?? "/usr/bin:/bin"): Promise<HostFacts["gpus"]> {
  const query = ["--query-gpu=name,memory.total", "--format=csv,noheader,nounits"];
  try {
    const answer = await runProcess("nvidia-smi", query, { env: { PATH: path }, signal: AbortSignal.timeout(10_000) });
    return answer.code === 0 ? parseNvidiaSmi(answer.stdout) : [];
  } catch {
    return [];
  }
}

/** Reads lines such as `NVIDIA L4, 23034`: a name and its memory in MiB. A line that is none (`[N/A]` for the memory) is no GPU to us. Pure. */
export function parseNvidiaSmi(output: string): HostFacts["gpus"] {
  return output.split("\n").flatMap((line) => {
    const [, name, mebibytes] = /^\s*(\S.*?)\s*,\s*(\d+)\s*$/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, memoryBytes: Number(mebibytes) * 1024 ** 2 }];
  });
}
