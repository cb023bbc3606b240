import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "tar";
import { askVersion } from "../../../host/sections/ollama-version.js";
import type { PinnedOllama } from "../../../schema/host.js";

/** The real Ollama as its publisher packs it, from a server of ours on loopback. */
export interface OllamaRelease {
  readonly release: PinnedOllama;
  stop(): Promise<void>;
}

export async function serveOllama(program: string): Promise<OllamaRelease> {
  const folder = await mkdtemp(join(tmpdir(), "lf-ollama-"));
  await mkdir(join(folder, "bin"));
  await copyFile(program, join(folder, "bin/ollama"));
  await chmod(join(folder, "bin/ollama"), 0o755);
  const archive = join(folder, "ollama.tgz");
  await create({ cwd: folder, file: archive, gzip: { level: 1 } }, ["bin"]);
  const sha256 = createHash("sha256")
    .update(await readFile(archive))
    .digest("hex");
  const server = createServer((_, response) => void createReadStream(archive).pipe(response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ollama.tgz`;
  return {
    release: { version: (await askVersion(program)) ?? "", sha256, url },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
