import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openLocalHost } from "../../../components/host/local/transport.js";
import type { ControlReply } from "../../../schema/control.js";
import { serveControl } from "../../../sidecar/adapters/control-socket.js";
import { createLogger } from "../../../system/log.js";
import { createSimulation } from "../../simulation/simulation.js";

const status: ControlReply = { ok: true, status: createSimulation().boot().sidecar.status() };
const hostSays = { error: { code: "LF1321", summary: "It cannot start.", fix: "mend it." } };
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lf-local-"));
  const bundle = join(root, "bundles", "0xabc");
  await mkdir(bundle, { recursive: true });
  await writeFile(join(bundle, "node"), `#!/bin/sh\necho '${JSON.stringify(hostSays)}'\nexit 1\n`);
  await chmod(join(bundle, "node"), 0o755);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const askStatus = () =>
  openLocalHost({ kind: "local", name: "here", root }).call("control", { worker: "one", request: { op: "status" } });

describe("a sidecar on this machine", () => {
  test("is asked by its socket, without a process in between", async () => {
    const socket = await serveControl({
      stateFolder: join(root, "workers", "one", "state"),
      handle: async () => status,
      log: createLogger("test", { level: "silent" }),
    });
    try {
      expect(await askStatus()).toEqual(status);
    } finally {
      await socket.close();
    }
  });

  test("that is silent is explained by the host program", async () => {
    await expect(askStatus()).rejects.toMatchObject(hostSays.error);
  });
});
