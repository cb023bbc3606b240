import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ollama } from "ollama";
import { vi } from "vitest";
import { freePort } from "../../../../system/net.js";
import { startProcess, stopProcess } from "../../../../system/process.js";

/** A real Ollama on a port, with models and a home folder of its own. */
export async function startOllama(program: string) {
  const folder = await mkdtemp(join(tmpdir(), "lightchain-ollama-"));
  const url = `http://127.0.0.1:${await freePort()}`;
  const child = startProcess(program, ["serve"], {
    env: {
      HOME: folder,
      OLLAMA_MODELS: join(folder, "models"),
      OLLAMA_HOST: url,
      PATH: process.env["PATH"] ?? "",
    },
  });
  const client = new Ollama({ host: url });
  const stop = async () => {
    await stopProcess(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await vi.waitFor(() => client.list(), { timeout: 20_000, interval: 50 });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, client, models: join(folder, "models"), stop };
}
