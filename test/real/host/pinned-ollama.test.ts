import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream, existsSync } from "node:fs";
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { create } from "tar";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { askVersion } from "../../../host/sections/ollama-version.js";
import type { PinnedOllama } from "../../../schema/host.js";
import { freePort } from "../../../system/net.js";
import { isAlive, startProcess } from "../../../system/process.js";
import { toJson } from "../../../schema/json.js";
import { tool } from "../toolchain.js";
import { makeFakeBundle } from "./fake-bundle.js";
import { makeHost, until, type HostWorld } from "./world.js";

/* Archives as the publisher's are laid out, around the real program, from a server of ours on loopback. */

let folder: string;
let bundle: string;
let version: string;
/** A port that nobody listens on. */
let closed: number;
let server: Server;
let url: string;
/** Each request: its path, and the range that was asked for. */
const asked: string[] = [];
/** Bytes after which the connection is cut, once; and how long the rest waits. */
let cutAfter: number | undefined;
const archives: Record<string, PinnedOllama> = {};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fleet-ollama-"));
  bundle = await makeFakeBundle(join(folder, "bundle"));
  const program = await tool("ollama");
  closed = await freePort();
  server = createServer((request, response) => void answer(request.url ?? "", request.headers.range, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;

  const layout = join(folder, "layout");
  await mkdir(join(layout, "bin"), { recursive: true });
  await mkdir(join(layout, "lib/ollama"), { recursive: true });
  await copyFile(program, join(layout, "bin/ollama"));
  await chmod(join(layout, "bin/ollama"), 0o755);
  await writeFile(join(layout, "lib/ollama/libggml.so.1"), "a library");
  await symlink("libggml.so.1", join(layout, "lib/ollama/libggml.so"));
  version = (await askVersion(program))!;
  await publish("real.tgz", layout, version, (plain) => gzipSync(plain, { level: 1 }));
  await publish("real.tar.zst", layout, version, (plain) => zstdCompressSync(plain));

  // says of itself that it is another version, and serves all the same
  const newer = join(folder, "newer");
  await mkdir(join(newer, "bin"), { recursive: true });
  await writeFile(
    join(newer, "bin/ollama"),
    `#!/bin/sh\n[ "$1" = --version ] && echo "ollama version is 99.1.2" && exit 0\nexec "${program}" "$@"\n`,
  );
  await chmod(join(newer, "bin/ollama"), 0o755);
  await publish("newer.tgz", newer, "99.1.2", (plain) => gzipSync(plain));
  const silent = join(folder, "silent");
  await mkdir(join(silent, "bin"), { recursive: true });
  await writeFile(
    join(silent, "bin/ollama"),
    "#!/bin/sh\n[ \"$1\" = --version ] && echo 'ollama version is 99.9.9'; exit 3\n",
  );
  await chmod(join(silent, "bin/ollama"), 0o755);
  await publish("silent.tgz", silent, "99.9.9", (plain) => gzipSync(plain));
  const empty = join(folder, "empty");
  await mkdir(join(empty, "doc"), { recursive: true });
  await writeFile(join(empty, "doc/README"), "no program");
  await publish("empty.tgz", empty, version, (plain) => gzipSync(plain));
  await publish("text.tgz", empty, version, () => Buffer.from("<html>not found</html>"));
  await publish("torn.tgz", layout, version, (plain) => gzipSync(plain, { level: 1 }).subarray(0, 1_000_000));
  await publishHostile();
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await rm(folder, { recursive: true, force: true });
});

async function publish(name: string, content: string, of: string, packing: (plain: Buffer) => Buffer): Promise<void> {
  const plain = join(folder, "plain.tar");
  await create({ cwd: content, file: plain, portable: true }, await readdir(content));
  await keep(name, of, packing(await readFile(plain)));
}
async function keep(name: string, of: string, packed: Buffer): Promise<void> {
  await writeFile(join(folder, name), packed);
  const sha256 = createHash("sha256").update(packed).digest("hex");
  archives[name] = { version: of, url: `${url}/${name}`, sha256 };
}
/** An archive that wants to write beside the folder that it is unpacked into. */
async function publishHostile(): Promise<void> {
  const inside = join(folder, "hostile");
  await mkdir(join(inside, "in"), { recursive: true });
  await writeFile(join(inside, "escaped"), "out of the folder");
  const plain = join(folder, "hostile.tar");
  await create({ cwd: join(inside, "in"), file: plain, preservePaths: true }, ["../escaped"]);
  await keep("hostile.tgz", version, gzipSync(await readFile(plain)));
}

async function answer(path: string, range: string | undefined, response: ServerResponse) {
  asked.push(`${path} ${range ?? "whole"}`);
  const file = join(folder, path);
  if (!existsSync(file)) return void response.writeHead(404).end();
  const { size } = await stat(file);
  const from = Number(/bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
  if (from >= size) return void response.writeHead(416).end();
  response.writeHead(from > 0 ? 206 : 200, { "content-length": size - from });
  const end = cutAfter;
  cutAfter = undefined;
  if (end === undefined) return void createReadStream(file, { start: from }).pipe(response);
  createReadStream(file, { start: from, end: end - 1 })
    .on("end", () => response.destroy())
    .pipe(response, { end: false });
}

let world: HostWorld;
let port: number;
beforeEach(async () => {
  world = await makeHost(bundle);
  port = await freePort();
  asked.length = 0;
  cutAfter = undefined;
});
afterEach(() => world.end());

const request = (ollama: PinnedOllama | string) =>
  ({ worker: "here", section: "runtime", desired: { kind: "runtime", ollama, port } }) as const;
const runtime = (ollama: PinnedOllama | string) => world.host.call("reconcile", request(ollama));
const at = (...path: string[]): string => join(world.root, "ollama", ...path);
const inOllama = async (): Promise<string[]> => (await readdir(at())).sort();
const answers = () => world.host.answers(`http://127.0.0.1:${port}/api/version`);
const programOf = async (pid: number): Promise<string> =>
  (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0")[0]!;

describe("a pinned Ollama", () => {
  test.each(["real.tgz", "real.tar.zst"])("is downloaded as %s, verified, unpacked and run, once", async (name) => {
    const first = await runtime(archives[name]!);
    expect(first.changes).toEqual([`downloaded Ollama ${version}`, `started Ollama ${version}`]);
    expect(await answers()).toBe(true);
    expect(await programOf(first.runtime!.pid!)).toBe(at(version, "bin/ollama"));
    expect(await readFile(at(version, "lib/ollama/libggml.so"), "utf8")).toBe("a library");
    expect(await inOllama()).toEqual([version, "home", "models", "ollama.log"]);
    const again = await runtime(archives[name]!);
    expect([again.changes, again.runtime!.pid]).toEqual([[], first.runtime!.pid]);
    expect(asked).toEqual([`/${name} whole`]);
  });

  test("of another version takes over, and the one before goes once it answers; back to a path, so does that", async () => {
    const { runtime: before } = await runtime(archives["real.tgz"]!);
    const report = await runtime(archives["newer.tgz"]!);
    expect(report.changes).toEqual(["downloaded Ollama 99.1.2", "started Ollama 99.1.2", `removed Ollama ${version}`]);
    expect([isAlive(before!.pid!), await answers()]).toEqual([false, true]);
    expect(await inOllama()).toEqual(["99.1.2", "home", "models", "ollama.log"]);
    const program = await tool("ollama");
    expect((await runtime(program)).changes).toEqual([`started Ollama ${version}`, "removed Ollama 99.1.2"]);
    expect(await inOllama()).toEqual(["home", "models", "ollama.log"]);
  });

  test("that does not answer is taken back, however often it is tried: the one before runs again, without a download", async () => {
    await runtime(archives["real.tgz"]!);
    for (let time = 0; time < 2; time++) {
      await expect(runtime(archives["silent.tgz"]!)).rejects.toThrow(/^LF1356: .*exit code 3.*before it runs again/);
      expect(await answers()).toBe(true);
      expect(await inOllama()).toEqual([version, "home", "models", "ollama.log"]);
    }
    asked.length = 0;
    expect([(await runtime(archives["real.tgz"]!)).changes, asked]).toEqual([[], []]);
  });

  test("that does not answer, with none before it, is said to be silent, and another one takes its place", async () => {
    await expect(runtime(archives["silent.tgz"]!)).rejects.toThrow(/^LF1307/);
    const { changes } = await runtime(archives["real.tgz"]!);
    expect(changes).toEqual([`downloaded Ollama ${version}`, `started Ollama ${version}`, "removed Ollama 99.9.9"]);
  });

  test("of the same version from another archive replaces the former one", async () => {
    const { runtime: before } = await runtime(archives["real.tgz"]!);
    const report = await runtime(archives["real.tar.zst"]!);
    expect(report.changes).toEqual([`downloaded Ollama ${version}`, `started Ollama ${version}`]);
    expect(report.runtime!.pid).not.toBe(before!.pid);
    expect(await inOllama()).toEqual([version, "home", "models", "ollama.log"]);
  });
});

describe("a pinned Ollama is refused with one code, and the one that runs goes on,", () => {
  test.each<[situation: string, pinned: () => PinnedOllama, says: RegExp]>([
    [
      "when the checksum is another",
      () => ({ ...archives["real.tgz"]!, sha256: "0".repeat(64) }),
      /^LF1353: .*not 0{64}/,
    ],
    [
      "when there is nothing there",
      () => ({ ...archives["real.tgz"]!, url: `${url}/none.tgz` }),
      /^LF1352: .*HTTP 404/,
    ],
    [
      "when nobody answers",
      () => ({ ...archives["real.tgz"]!, url: `http://127.0.0.1:${closed}/x.tgz` }),
      /^LF1352: .*ECONNREFUSED/,
    ],
    ["when it is no archive", () => archives["text.tgz"]!, /^LF1354: .*neither packed with gzip nor with zstd/],
    ["when the archive is torn", () => archives["torn.tgz"]!, /^LF1354: .*cannot be unpacked/],
    ["when there is no program in it", () => archives["empty.tgz"]!, /^LF1354: .*bin\/ollama cannot be run/],
    [
      "when it is of another version",
      () => ({ ...archives["newer.tgz"]!, version: "99.1.3" }),
      /^LF1354: .*version 99\.1\.2, not 99\.1\.3/,
    ],
    ["when it would write outside of its folder", () => archives["hostile.tgz"]!, /^LF1354/],
  ])("%s", async (_, pinned, says) => {
    const { runtime: before } = await runtime(archives["newer.tgz"]!);
    await expect(runtime(pinned())).rejects.toThrow(says);
    expect([isAlive(before!.pid!), await answers()]).toEqual([true, true]);
    const left = (await inOllama()).filter((name) => name !== "downloads");
    expect(left).toEqual(["99.1.2", "home", "models", "ollama.log"]);
    expect(existsSync(at("escaped")) || existsSync(join(world.root, "escaped"))).toBe(false);
    expect((await runtime(archives["newer.tgz"]!)).runtime!.pid).toBe(before!.pid);
    expect(await inOllama()).not.toContain("downloads");
  });
});

describe("a download", () => {
  test("that is cut off is told, and gone on with by the next run from where it was", async () => {
    cutAfter = 5_000_000;
    await expect(runtime(archives["real.tgz"]!)).rejects.toThrow(/^LF1352/);
    expect(await inOllama()).not.toContain(version);
    const [part] = await readdir(at("downloads"));
    const { size } = await stat(at("downloads", part!));
    expect(size).toBeGreaterThan(0);
    await runtime(archives["real.tgz"]!);
    expect(asked).toEqual(["/real.tgz whole", `/real.tgz bytes=${size}-`]);
    expect(await answers()).toBe(true);
  });

  test("that was of another file is begun anew, and held to its checksum all the same", async () => {
    const pinned = archives["real.tgz"]!;
    await mkdir(at("downloads"), { recursive: true });
    await writeFile(at("downloads", `${pinned.sha256}.part`), Buffer.alloc(1_000, 7));
    await runtime(pinned);
    expect(asked).toEqual(["/real.tgz bytes=1000-", "/real.tgz whole"]);
  });

  test("whose run is killed is not lost: what is whole is not asked for again", async () => {
    const pinned = archives["real.tgz"]!;
    const [place] = await readdir(join(world.root, "bundles"));
    const program = startProcess(
      join(world.root, "bundles", place!, "node"),
      [join(world.root, "bundles", place!, "host.js"), "reconcile"],
      { stdio: ["pipe", "ignore", "ignore"] },
    );
    program.stdin!.end(toJson({ root: world.root, host: "here", ...request(pinned) }));
    await until(async () => existsSync(at("downloads", pinned.sha256)), "the archive is whole");
    program.kill("SIGKILL");
    await until(async () => program.signalCode !== null, "its end");
    expect(existsSync(at(version))).toBe(false);
    await runtime(pinned);
    expect(asked).toEqual(["/real.tgz whole"]);
    expect(await inOllama()).toEqual([version, "home", "models", "ollama.log"]);
  });

  test("that was spoilt on the disk is made anew", async () => {
    const pinned = archives["real.tgz"]!;
    await mkdir(at("downloads"), { recursive: true });
    await copyFile(join(folder, "real.tgz"), at("downloads", pinned.sha256));
    await truncate(at("downloads", pinned.sha256), 1_000_000);
    await runtime(pinned);
    expect(asked).toEqual(["/real.tgz whole"]);
  });
});
