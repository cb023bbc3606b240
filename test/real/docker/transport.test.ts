import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { networks } from "../../../abi/networks.js";
import { readBundleHash } from "../../../components/host/bundle.js";
import { hasGpuRuntime, requireEngine } from "../../../components/host/docker/cli.js";
import type { DockerEngine } from "../../../components/host/docker/engine.js";
import { rootInContainer, workerRecipe, writeContext } from "../../../components/host/docker/image.js";
import { openHost, type Host } from "../../../components/host/host.js";
import { sealForHost } from "../../../keystore/sealing.js";
import { workerStateFolder } from "../../../schema/host.js";
import { settingsSchema } from "../../../schema/settings.js";
import type { Hash } from "../../../schema/units.js";
import { makeFakeBundle } from "../host/fake-bundle.js";
import { until } from "../host/world.js";
import { because, mustDocker } from "../machines/docker-engine.js";
import { ensureImage } from "../machines/image.js";
import { removeEverythingOf, testEngine, whyNoContainers } from "./engine.js";
import { openSshEngine, openTlsEngine, type SshEngine, type TlsEngine } from "./ways.js";

const whyNot = whyNoContainers();
/** No network: docker exec needs none. */
const alone = ["--network", "none"];
const address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

describe.skipIf(whyNot !== undefined)(`a container as a host${because(whyNot)}`, () => {
  const prefix = `docker-${randomBytes(3).toString("hex")}`;
  const names = { container: `${prefix}-worker`, volume: `${prefix}-state`, image: `${prefix}-image:test` };
  let folder: string;
  let bundle: string;
  let hash: Hash;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "docker-transport-"));
    bundle = await makeFakeBundle(join(folder, "bundle"));
    hash = await readBundleHash(bundle);
    const recipe = workerRecipe(await ensureImage(), { folder: bundle, hash });
    await mustDocker("build", "--quiet", "--tag", names.image, writeContext(join(folder, "image"), recipe));
  });
  afterEach(() => mustDocker("rm", "--force", names.container).catch(() => undefined)); // whatever a failed test left
  afterAll(async () => {
    await removeEverythingOf(prefix);
    await rm(folder, { recursive: true, force: true });
  });
  const hostOn = (engine: DockerEngine, container = names.container): Host =>
    openHost({ kind: "docker", name: "here", root: rootInContainer, engine, container, volume: names.volume });
  const host = hostOn(testEngine());
  const run = (...flags: string[]): Promise<string> =>
    mustDocker("run", "--detach", "--init", "--read-only", ...alone, "--name", names.container, ...flags, names.image);
  const running = (): Promise<string> =>
    mustDocker("container", "inspect", "--format", "{{.State.Running}}", names.container);
  const settings = settingsSchema.parse({
    ...{ worker: "home", host: "here", address, network: networks.testnet, models: ["llama3-8b"] },
    stateFolder: workerStateFolder(rootInContainer, "home"),
    inference: { ollamaUrl: "http://127.0.0.1:1" },
  });
  const service = (desired: boolean) =>
    host.call("reconcile", {
      ...{ worker: "home", section: "service" },
      desired: desired ? { kind: "service", bundle: hash, settings } : null,
    });
  async function seal(secret: Uint8Array): Promise<void> {
    const { sealKey } = await host.call("facts", {});
    const to = { hostPublicKey: Buffer.from(sealKey, "hex"), host: "here", epoch: 1, address } as const;
    await host.call("seal", { worker: "home", address, epoch: 1, sealed: sealForHost(to, secret) });
  }
  const starts = async (): Promise<string[]> =>
    (await mustDocker("exec", names.container, "cat", `${settings.stateFolder}/starts`).catch(() => ""))
      .split("\n")
      .filter(Boolean);

  describe("with its volume", () => {
    beforeEach(() => run("--volume", `${names.volume}:${rootInContainer}`));
    afterEach(async () => {
      await mustDocker("rm", "--force", names.container);
      await mustDocker("volume", "rm", "--force", names.volume);
    });

    test("runs what it is told to, gives it its secret, and starts it again in another container on the same volume", async () => {
      expect(await host.put(bundle)).toBe(hash);
      const secret = randomBytes(64);
      await seal(secret);
      expect((await service(true)).changes).toEqual(["started worker home"]);
      expect((await service(true)).changes).toEqual([]);
      const sum = createHash("sha256").update(secret).digest("hex");
      await until(async () => (await starts()).length === 1, "a start");
      expect((await starts())[0]).toMatch(new RegExp(`^\\d+ ${sum}$`));
      const { sealKey } = await host.call("facts", {});
      await mustDocker("rm", "--force", names.container);
      expect(await host.present()).toBe(true); // its volume is
      await run("--volume", `${names.volume}:${rootInContainer}`);
      await until(async () => (await starts()).length === 2, "another start");
      expect((await host.call("facts", {})).sealKey).toBe(sealKey);
    });

    test("is a clean volume once its document is empty, and can be used again", async () => {
      await host.call("reconcile", { worker: "here", section: "runtime", desired: null });
      for (let round = 0; round < 2; round++) {
        await seal(randomBytes(64));
        await service(true);
        await until(async () => (await starts()).length === 1, "a start");
        await service(false);
        expect(await mustDocker("exec", names.container, "ls", "-A", rootInContainer)).toBe("");
        expect(await mustDocker("exec", names.container, "ls", "/proc")).not.toContain("sidecar");
      }
    });

    test("takes a request of megabytes and gives its answer whole", async () => {
      const why = "x".repeat(3 * 1024 ** 2);
      await expect(host.call("seal", { worker: "home", address, epoch: 1, sealed: why })).rejects.toThrow(/^LF13/);
    });

    test("that was stopped is started by what is to be done there, and by nothing that only asks", async () => {
      await mustDocker("stop", "--time", "20", names.container);
      expect(await host.answers("http://127.0.0.1:1")).toBe(false);
      await expect(host.call("control", { worker: "home", request: { op: "status" } })).rejects.toThrow(
        /^LF1583: .*was stopped/,
      );
      await expect(host.call("proofOfDeath", { worker: "home" })).rejects.toThrow(/^LF1583/);
      expect(await host.present()).toBe(true);
      expect(await running()).toBe("false");
      await host.call("facts", {});
      expect(await running()).toBe("true");
    });

    test("answers only for itself: what listens elsewhere does not answer there", async () => {
      const server = createServer((_, answer) => answer.end("here")).listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as { port: number };
      expect(await host.answers(`http://127.0.0.1:${port}`)).toBe(false);
      server.close();
    });

    test("with another bundle than the one that is wanted is refused", async () => {
      const other = await makeFakeBundle(join(folder, "other"), "// another\n");
      await expect(host.put(other)).rejects.toThrow(/^LF1584/);
    });

    describe("is reached", () => {
      let tls: TlsEngine;
      let ssh: SshEngine | undefined;
      beforeAll(async () => {
        tls = await openTlsEngine(join(folder, "tls"));
        if (existsSync("/usr/sbin/sshd")) ssh = await openSshEngine(join(folder, "ssh"));
      });
      afterAll(async () => {
        tls.close();
        await ssh?.close();
      });
      afterEach(() => vi.unstubAllEnvs());

      test("over TLS, by who knows the engine and is known to it", async () => {
        expect((await hostOn(tls.engine).call("facts", {})).host).toBe("here");
        expect(await hostOn(tls.engine).put(bundle)).toBe(hash);
        await expect(hostOn(tls.distrusted).call("facts", {})).rejects.toThrow(/^LF1580: .*certificate/);
        await expect(hostOn(tls.stranger).call("facts", {})).rejects.toThrow(/^LF1580/);
      });

      test("over SSH, and never past a host key that is not known or another one", async ({ skip }) => {
        if (ssh === undefined) return skip("sshd is not installed");
        vi.stubEnv("PATH", `${ssh.programs}${delimiter}${process.env["PATH"] ?? ""}`);
        const there = hostOn(ssh.engine);
        await ssh.knows("it");
        expect((await there.call("facts", {})).host).toBe("here");
        expect(await there.put(bundle)).toBe(hash);
        for (const what of ["another", "nothing"] as const) {
          await ssh.knows(what);
          await expect(there.call("facts", {})).rejects.toThrow(/^LF1580: .*Host key verification failed/s);
          await expect(there.present()).rejects.toThrow(/^LF1580/); // unreachable is not gone
        }
      });
    });
  });

  test("without its volume is refused: journal and keys would be gone with the container", async () => {
    await run("--tmpfs", `${rootInContainer}:uid=10471,mode=0700`);
    await expect(host.put(bundle)).rejects.toThrow(/^LF1585/);
    await mustDocker("rm", "--force", names.container);
  });

  test("that ends again and again is said to, with its exit code", async () => {
    await mustDocker(
      "run",
      "--detach",
      ...alone,
      "--restart",
      "always",
      "--name",
      names.container,
      "--entrypoint",
      "/bin/sh",
      names.image,
      "-c",
      "exit 3",
    );
    await until(
      async () =>
        (await mustDocker("container", "inspect", "--format", "{{.State.Restarting}}", names.container)) === "true",
      "a restart",
    );
    await expect(host.call("facts", {})).rejects.toThrow(/^LF1583: .*exit code 3/);
    await mustDocker("rm", "--force", names.container);
  });

  test("that is just being started again is waited for", async () => {
    await run("--restart", "always", "--volume", `${names.volume}:${rootInContainer}`);
    process.kill(
      Number(await mustDocker("container", "inspect", "--format", "{{.State.Pid}}", names.container)),
      "SIGKILL",
    );
    expect((await host.call("facts", {})).host).toBe("here");
    await mustDocker("rm", "--force", names.container);
    await mustDocker("volume", "rm", names.volume);
  });

  test("that is not there is missing, and nothing of it is present", async () => {
    await expect(host.call("facts", {})).rejects.toThrow(/^LF1582/);
    expect(await host.present()).toBe(false);
  });

  test("on an engine that does not answer is not taken for gone", async () => {
    const nowhere = hostOn({ socket: "/nowhere/docker.sock" });
    await expect(nowhere.present()).rejects.toThrow(/^LF1580/);
    await expect(nowhere.call("facts", {})).rejects.toThrow(/^LF1580/);
    await expect(nowhere.answers("http://a")).rejects.toThrow(/^LF1580/);
  });

  test("an engine that is too old is refused", async () => {
    const server = createServer((request, answer) => {
      answer.setHeader("Api-Version", "1.40").setHeader("Content-Type", "application/json");
      answer.end(
        request.url?.endsWith("/version") === true
          ? `{"Version":"19.03.15","ApiVersion":"1.40","Os":"linux","Arch":"amd64"}`
          : "OK",
      );
    });
    const socket = join(folder, "old.sock");
    server.listen(socket);
    await once(server, "listening");
    await expect(requireEngine({ socket })).rejects.toThrow(/^LF1581: .*1\.40.*1\.41/);
    server.close();
  });

  test("this machine's engine will do; whether it has GPUs to give is by its own account", async () => {
    expect(await requireEngine(testEngine())).toMatch(/^\d+\./);
    const info = await mustDocker("info", "--format", "{{json .Runtimes}}");
    expect(await hasGpuRuntime(testEngine())).toBe(info.includes("nvidia"));
  });
});
