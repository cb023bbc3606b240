import { runProcess } from "../../system/process.js";

/** The version that an `ollama` program tells of itself; `undefined` when it tells none. Asks no running one. Rejects when it cannot be started. */
export async function askVersion(program: string): Promise<string | undefined> {
  const env = { PATH: "/usr/bin:/bin", HOME: "/nonexistent", OLLAMA_HOST: "127.0.0.1:1" };
  const { stdout, stderr } = await runProcess(program, ["--version"], { env, signal: AbortSignal.timeout(20_000) });
  return /(\d+\.\d+\.\d+)/.exec(`${stdout}${stderr}`)?.[1];
}
