import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { SshStreams } from "../../../plugins/docker/ssh-streams.js";

/** An `ssh` that is over, and known to be, before its answer is read. */
const quick = `#!/bin/sh
read -r line
{
  while kill -0 $$; do :; done
  printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 100000\\r\\n\\r\\n'
  head -c 100000 /dev/zero | tr '\\0' x
} 2>/dev/null &
`;
/** One that cannot go there. */
const refused = "#!/bin/sh\nexit 255\n";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lf-ssh-streams-"));
  vi.stubEnv("PATH", `${folder}${delimiter}${process.env["PATH"] ?? ""}`);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});
async function asked(ssh: string): Promise<string> {
  await writeFile(join(folder, "ssh"), ssh);
  await chmod(join(folder, "ssh"), 0o755);
  const agent = new SshStreams("ssh://me@engine:22");
  return new Promise((resolve, reject) => {
    get({ agent, host: "engine", path: "/version" }, (answer) => void text(answer).then(resolve, reject)).on(
      "error",
      reject,
    );
  });
}

test("an answer is read to its end, though whoever gave it has left", async () => {
  expect((await asked(quick)).length).toBe(100_000);
});

test("nobody's answer is an error", async () => {
  await expect(asked(refused)).rejects.toThrow("socket hang up");
});
