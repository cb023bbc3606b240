import { chmod, copyFile, link, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mustDocker } from "../machines/docker-engine.js";

/** In the image: what listens on 127.0.0.1 at the registry's port, and leads to the same port of the machine. */
const forward = `
const net = require("node:net");
const [port, address] = process.argv.slice(2);
net.createServer((from) => {
  const to = net.connect(port, address);
  from.on("error", () => to.destroy()).pipe(to);
  to.on("error", () => from.destroy()).pipe(from);
}).listen(port, "127.0.0.1");
`;

/**
 * An image as Ollama's own, from the real program. The rehearsal's registry speaks plain HTTP, which is for loopback alone; so it has to be found on the container's own
 * loopback, and that is the test's affair: the image brings a forwarder.
 */
export async function makeOllamaImage(
  tag: string,
  base: string,
  { ollama, node }: { ollama: string; node: string },
  registry: { address: string; port: number },
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "docker-ollama-"));
  try {
    for (const [from, name] of [
      [ollama, "ollama.real"],
      [node, "node"],
    ] as const)
      await link(from, join(folder, name)).catch(() => copyFile(from, join(folder, name)));
    await writeFile(join(folder, "forward.js"), forward);
    await writeFile(
      join(folder, "ollama"),
      `#!/bin/sh\n[ "$1" = serve ] && /usr/lib/forward/node /usr/lib/forward/forward.js ${registry.port} ${registry.address} &\nexec /usr/lib/forward/ollama.real "$@"\n`,
    );
    await chmod(join(folder, "ollama"), 0o755);
    await writeFile(
      join(folder, "Dockerfile"),
      [
        `FROM ${base}`,
        "COPY ollama.real node /usr/lib/forward/", // first: the same for every test, and so kept by the engine
        "COPY forward.js /usr/lib/forward/",
        "COPY ollama /usr/bin/ollama",
        'ENTRYPOINT ["/usr/bin/ollama"]',
        'CMD ["serve"]',
        "",
      ].join("\n"),
    );
    await mustDocker("build", "--quiet", "--force-rm", "--tag", tag, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
