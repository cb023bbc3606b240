import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync, readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cacheKey, findEntry } from "../../../scripts/toolchain/cache.js";
import { installTool, locateTool, type Workshop } from "../../../scripts/toolchain/install.js";
import { tools, type Tool } from "../../../scripts/toolchain/manifest.js";
import { silent } from "../../../scripts/toolchain/progress.js";
import { systemClock } from "../../../system/clock.js";
import { freePort } from "../../../system/net.js";
import { packageRoot } from "../../../system/package-root.js";
import { runProcess } from "../../../system/process.js";
import { until } from "./until.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lf-install-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe("installs at the same time", () => {
  const recipe = { tool: "slow", version: "1.0.0", ingredients: "" };
  let scratch: string;
  let program: string;
  const started: ChildProcess[] = [];
  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), "lf-fixture-"));
    program = join(scratch, "install-slowly.cjs");
    const source = join(packageRoot(), "test/real/scripts/fixtures/install-slowly.ts");
    await build({ entryPoints: [source], outfile: program, bundle: true, platform: "node", format: "cjs" });
  });
  afterAll(() => rm(scratch, { recursive: true, force: true }));
  afterEach(() => started.splice(0).forEach((child) => child.kill("SIGKILL")));

  const log = (): string[] =>
    existsSync(join(root, "log")) ? readFileSync(join(root, "log"), "utf8").trim().split("\n") : [];
  function install(): { child: ChildProcess; folder: Promise<string> } {
    const child = spawn(process.execPath, [program, join(root, "cache"), join(root, "log"), join(root, "go")]);
    started.push(child);
    let folder = "";
    child.stdout.on("data", (text: Buffer) => (folder += text.toString()));
    return { child, folder: once(child, "close").then(() => folder) };
  }

  test("share one: the second waits for the first and makes nothing itself", async () => {
    const first = install();
    await until("the first one's beginning", () => log().includes("begun"));
    const second = install();
    await until("the second one's waiting", () => log().includes("waiting"));
    await writeFile(join(root, "go"), "");
    const folders = await Promise.all([first.folder, second.folder]);
    expect(folders).toEqual([join(root, "cache", cacheKey(recipe)), join(root, "cache", cacheKey(recipe))]);
    expect(log().filter((word) => word === "begun")).toHaveLength(1);
    expect(await readFile(join(folders[0], "program"), "utf8")).toBe("whole");
  });

  test("one that is killed in the middle leaves nothing half done, and the next one finishes", async () => {
    const killed = install();
    await until("its beginning", () => log().includes("begun"));
    killed.child.kill("SIGKILL");
    await killed.folder;
    expect(await findEntry(join(root, "cache"), recipe)).toBeUndefined();
    expect(existsSync(join(root, "cache", cacheKey(recipe)))).toBe(false);

    await writeFile(join(root, "go"), "");
    const folder = await install().folder;
    expect(await readFile(join(folder, "program"), "utf8")).toBe("whole");
    expect(await findEntry(join(root, "cache"), recipe)).toEqual({ folder, how: "made" });
    expect((await readdir(join(root, "cache", "slow"))).sort()).toEqual([".lock", cacheKey(recipe).split("/")[1]]);
  });

  test("one that waits goes on alone when the other is killed", async () => {
    const killed = install();
    await until("its beginning", () => log().includes("begun"));
    const second = install();
    await until("the second one's waiting", () => log().includes("waiting"));
    await writeFile(join(root, "go"), "");
    killed.child.kill("SIGKILL");
    expect(await readFile(join(await second.folder, "program"), "utf8")).toBe("whole");
  });
});

describe("ways to a tool", () => {
  const workshop = (path: string): Workshop => ({
    cache: join(root, "cache"),
    machine: { platform: "linux-x64", env: { PATH: path, HOME: root } },
    clock: systemClock,
    progress: silent,
    signal: new AbortController().signal,
  });

  /** A machine's folder with a program that answers like geth, and counts how often it is asked. */
  async function programOf(folder: string, name: string, answer: string): Promise<string> {
    const file = join(root, folder, name);
    await mkdir(join(root, folder), { recursive: true });
    await writeFile(file, `#!/bin/sh\necho asked >> '${root}/asked'\necho '${answer}'\n`);
    await chmod(file, 0o755);
    return file;
  }
  const timesAsked = async (): Promise<number> =>
    (await readFile(join(root, "asked"), "utf8").catch(() => "")).split("\n").length - 1;

  test("a fitting one that the machine has is used where it lies, and asked for its version once", async () => {
    const own = await programOf("bin", "geth", "Version: 1.17.0-stable");
    expect(await installTool(tools.geth, workshop(join(root, "bin")))).toBe(own);
    expect(await locateTool(tools.geth, workshop(join(root, "bin")))).toBe(own);
    expect(await timesAsked()).toBe(1);
    expect(existsSync(join(root, "cache", "geth"))).toBe(false);
  });

  test("one of another version is passed over for a fitting one further on", async () => {
    await programOf("old", "geth", "Version: 1.16.9-stable");
    const own = await programOf("bin", "geth", "Version: 1.17.0-stable");
    expect(await locateTool(tools.geth, workshop(`${root}/old:${root}/bin`))).toBe(own);
    expect(await locateTool(tools.geth, workshop(`${root}/old`))).toBeUndefined();
  });

  test("an engine without its language host beside it is not a fitting one", async () => {
    const own = await programOf("bin", "pulumi", "v3.255.0");
    expect(await locateTool(tools.pulumi, workshop(`${root}/bin`))).toBeUndefined();
    await programOf("bin", "pulumi-language-nodejs", "");
    expect(await locateTool(tools.pulumi, workshop(`${root}/bin`))).toBe(own);
  });

  test("without Go and with downloads out of reach there is one error: what, why, and the way out", async () => {
    const unreachable = `http://127.0.0.1:${await freePort()}`;
    const tool: Tool = {
      ...tools.pulumi,
      release: { ...tools.pulumi.release!, archive: () => `${unreachable}/a.tgz`, checksums: `${unreachable}/sums` },
    };
    const failure = await installTool(tool, workshop("/nowhere")).catch((error: unknown) => error);
    expect(String(failure)).toMatch(
      /LF1006: pulumi 3\.255\.0 \(the engine behind pulumi up and destroy\) can't be had: 127\.0\.0\.1:\d+ can't be reached \(ECONNREFUSED\); it can't be built from source, since there is no Go\. Next: install Go 1\.26 or newer from https:\/\/go\.dev\/dl, or put pulumi 3\.255\.0 on PATH, then run the same command again\.$/,
    );
    expect((await readdir(join(root, "cache", "pulumi"))).filter((name) => name !== ".lock")).toEqual([]);
  });

  test("a missing compiler is named", async () => {
    await programOf("bin", "go", "");
    await expect(installTool({ ...tools.ollama, release: null }, workshop(`${root}/bin`))).rejects.toThrow(
      /ollama 0\.11\.4 .* since gcc and g\+\+ is missing\. Next: .* apt-get install g\+\+/,
    );
  });

  describe("the official download", () => {
    let server: Server;
    let base: string;
    let files: Record<string, Buffer>;
    beforeEach(async () => {
      files = {};
      server = createServer((request, response) => {
        const file = files[request.url ?? ""];
        if (request.url === "/moved.tgz") response.writeHead(302, { location: `${base}/tool.tgz` }).end();
        else if (request.url !== "/silence") response.writeHead(file ? 200 : 404).end(file);
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterEach(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    });

    const released = (archive: string, checksums = "/sums"): Tool => ({
      ...tools.geth,
      release: { archive: () => base + archive, checksums: base + checksums, program: () => "tool/geth", size: "1 kB" },
    });
    /** An archive as its makers publish it. */
    async function publish(answer: string): Promise<string> {
      await programOf("made/tool", "geth", answer);
      await runProcess("tar", ["-czf", join(root, "tool.tgz"), "-C", join(root, "made"), "tool"]);
      const archive = await readFile(join(root, "tool.tgz"));
      files["/tool.tgz"] = archive;
      return createHash("sha256").update(archive).digest("hex");
    }

    test("is verified, unpacked and kept, without the archive", async () => {
      files["/sums"] = Buffer.from(`${await publish("Version: 1.17.0-stable")}  tool.tgz\n`);
      const program = await installTool(released("/tool.tgz"), workshop("/usr/bin:/bin"));
      expect(program).toMatch(/geth\/1\.17\.0-[0-9a-f]{8}\/tool\/geth$/);
      expect((await readdir(join(program, "../.."))).sort()).toEqual(["entry.json", "tool"]);
      server.close();
      expect(await installTool(released("/tool.tgz"), workshop("/nowhere"))).toBe(program);
    });

    test("may be moved elsewhere by its server", async () => {
      files["/sums"] = Buffer.from(`${await publish("Version: 1.17.0-stable")}  moved.tgz\n`);
      expect(await installTool(released("/moved.tgz"), workshop("/usr/bin:/bin"))).toContain("/tool/geth");
    });

    test("that is not what its checksums say is refused, not replaced by a build", async () => {
      await publish("Version: 1.17.0-stable");
      files["/sums"] = Buffer.from(`${"0".repeat(64)}  tool.tgz\n`);
      await expect(installTool(released("/tool.tgz"), workshop(process.env["PATH"] ?? ""))).rejects.toThrow(
        /^LF1007: .*tool\.tgz has SHA-256/,
      );
      expect((await readdir(join(root, "cache", "geth"))).filter((name) => name !== ".lock")).toEqual([]);
    });

    test("of a program that tells another version is refused", async () => {
      files["/sums"] = Buffer.from(`${await publish("Version: 1.16.0-stable")}  tool.tgz\n`);
      await expect(installTool(released("/tool.tgz"), workshop("/usr/bin:/bin"))).rejects.toThrow(
        /does not answer as 1\.17\.0 \(1\.16\.0\)/,
      );
    });

    test.each<[situation: string, archive: string, checksums: string, reason: RegExp]>([
      ["without checksums", "/tool.tgz", "/none", /can't be reached \(HTTP 404\)/],
      ["that its checksums do not name", "/other.tgz", "/sums", /\/sums does not name other\.tgz/],
      ["whose server never answers", "/tool.tgz", "/silence", /can't be reached \(no answer within 3 s\)/],
    ])("%s counts as not to be had", async (_, archive, checksums, reason) => {
      files["/sums"] = Buffer.from(`${await publish("Version: 1.17.0-stable")}  tool.tgz\n`);
      await expect(installTool(released(archive, checksums), workshop("/nowhere"))).rejects.toThrow(reason);
    });
  });
});
