import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { networks } from "../../../abi/networks.js";
import { openHost } from "../../../components/host/host.js";
import { readBundleHash } from "../../../components/host/bundle.js";
import { layoutOf } from "../../../host/layout.js";
import { removeRoot } from "../../../host/root.js";
import { hostErrorSchema } from "../../../schema/host.js";
import { settingsSchema } from "../../../schema/settings.js";
import { runProcess } from "../../../system/process.js";
import { openSmallDisk, whyNoDisks } from "../e2e/adversity/small-disk.js";
import { makeFakeBundle } from "./fake-bundle.js";

let folder: string;
let bundle: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fleet-root-"));
  bundle = await makeFakeBundle(join(folder, "bundle"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the host program as a transport would. */
async function ask(verb: string, request: object): Promise<{ code: number | null; answer: unknown; stderr: string }> {
  const ended = await runProcess(process.execPath, [join(bundle, "host.js"), verb], { input: JSON.stringify(request) });
  return { code: ended.code, answer: JSON.parse(ended.stdout) as unknown, stderr: ended.stderr };
}
const refusal = async (verb: string, request: object) => {
  const { code, answer, stderr } = await ask(verb, request);
  expect(code).toBe(1);
  expect(stderr).toBe("");
  return hostErrorSchema.parse(answer).error;
};

describe("a host's folder", () => {
  test("whose sockets would have too long a path is refused at first contact, before anything is made there", async () => {
    const root = join(folder, "x".repeat(100));
    for (const [verb, more] of [
      ["facts", {}],
      [
        "reconcile",
        { worker: "w", section: "runtime", desired: { kind: "runtime", ollama: "/bin/true", port: 11555 } },
      ],
    ] as const) {
      const error = await refusal(verb, { root, host: "here", ...more });
      expect(error.code).toBe("LF1337");
      expect(error.summary).toContain("a Unix socket's path has at most 100");
    }
    expect(existsSync(root)).toBe(false);
  });

  test("that is short enough for the host but not for a worker of that name refuses the worker, not the host", async () => {
    const root = join(folder, "y".repeat(100 - folder.length - "//supervisor/control.sock".length));
    const host = openHost({ kind: "local", name: "here", root });
    await host.put(bundle);
    await expect(host.call("facts", {})).resolves.toMatchObject({ host: "here" });
    const settings = settingsSchema.parse({
      worker: "home",
      host: "here",
      address: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
      network: networks.testnet,
      models: ["llama3-8b"],
      stateFolder: join(root, "workers/home/state"),
      inference: { ollamaUrl: "http://127.0.0.1:1" },
    });
    const desired = { kind: "service" as const, bundle: await readBundleHash(bundle), settings };
    await expect(host.call("reconcile", { worker: "home", section: "service", desired })).rejects.toThrow(
      /LF1337: .*workers\/home\/state\/control\.sock/,
    );
    expect(existsSync(join(root, "workers"))).toBe(false);
    expect(existsSync(join(root, "supervisor"))).toBe(false);
  });

  test("that cannot be made or written is one coded error", async () => {
    const file = join(folder, "a-file");
    await writeFile(file, "");
    for (const root of [join(file, "host"), file]) {
      const error = await refusal("facts", { root, host: "here" });
      expect(error.code).toBe("LF1338");
      expect(error.summary).toContain(root);
      expect(error.fix).toContain("hostRoot");
    }
  });
});

test("a host's folder that disks are mounted in is emptied when it is taken away, and they stay", async ({ skip }) => {
  const noDisks = await whyNoDisks(join(folder, "try"));
  skip(noDisks !== undefined, noDisks);
  const layout = layoutOf(join(folder, "disks"));
  const disks = [await openSmallDisk(layout.workers), await openSmallDisk(layout.worker("other").folder)];
  try {
    for (const { state } of [layout.worker("home"), layout.worker("other")]) {
      await mkdir(state, { recursive: true });
      await writeFile(join(state, "journal.sqlite"), "");
    }
    await writeFile(layout.document, "{}");
    await removeRoot(layout);
    expect(await readdir(layout.root)).toEqual(["workers"]);
    expect(await readdir(layout.workers)).toEqual(["other"]);
    expect(await readdir(layout.worker("other").folder)).toEqual([]);
  } finally {
    for (const disk of disks.reverse()) await disk.unmount();
  }
  await removeRoot(layout);
  expect(existsSync(layout.root)).toBe(false);
});

describe("the facts of a machine", () => {
  test("name its GPUs when the driver does, and none when there is no driver or it does not answer", async () => {
    const host = openHost({ kind: "local", name: "here", root: join(folder, "facts") });
    await host.put(bundle);
    const bin = join(folder, "bin");
    await mkdir(bin);
    vi.stubEnv("PATH", bin);
    try {
      expect((await host.call("facts", {})).gpus).toEqual([]);
      const smi = async (script: string) => {
        await writeFile(join(bin, "nvidia-smi"), `#!/bin/sh\n${script}\n`);
        await chmod(join(bin, "nvidia-smi"), 0o755);
      };
      await smi("echo '0, GPU-a, NVIDIA L4, 23034'");
      expect((await host.call("facts", {})).gpus).toEqual([
        { index: "0", uuid: "GPU-a", name: "NVIDIA L4", memoryBytes: 23034 * 1024 ** 2 },
      ]);
      await smi("echo 'NVIDIA-SMI has failed because it could not communicate with the driver.'; exit 9");
      expect((await host.call("facts", {})).gpus).toEqual([]);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
