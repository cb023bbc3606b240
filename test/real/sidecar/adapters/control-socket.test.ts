import { writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ControlReply, ParsedControlRequest } from "../../../../schema/control.js";
import { toJson } from "../../../../schema/json.js";
import { serveControl, type ControlSocket } from "../../../../sidecar/adapters/control-socket.js";
import { stopping } from "../../../../sidecar/control/refusals.js";
import { callControl, SidecarSilent } from "../../../../system/control-client.js";
import { createLogger } from "../../../../system/log.js";
import { createSimulation, serving } from "../../../simulation/simulation.js";

const log = createLogger("test", { level: "silent" });
const reply: ControlReply = { ok: true, status: createSimulation().boot().sidecar.status() };
let folder: string;
let seen: ParsedControlRequest[];
let socket: ControlSocket;
let handle: (request: ParsedControlRequest) => Promise<ControlReply>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lf-control-"));
  seen = [];
  handle = async (request) => {
    seen.push(request);
    return reply;
  };
  socket = await serveControl({ stateFolder: folder, handle: (request) => handle(request), log });
});
afterEach(async () => {
  await socket.close();
  await rm(folder, { recursive: true, force: true });
});

const mode = async (name: string) => ((await stat(join(folder, name))).mode & 0o777).toString(8);
const token = async () => (await readFile(join(folder, "control.token"), "utf8")).trim();
/** Says something and reads all that comes back. */
const say = (text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let answer = "";
    const connection = createConnection(join(folder, "control.sock"), () => connection.write(text));
    connection.setEncoding("utf8").on("data", (piece: string) => (answer += piece));
    connection.on("end", () => resolve(answer)).on("error", reject);
  });
const codeOf = async (text: string): Promise<unknown> =>
  (JSON.parse(await say(text)) as { error?: { code: string } }).error?.code;
const frame = (token: string, more: object = {}) =>
  `${toJson({ version: 1, token, request: { op: "status" }, ...more })}\n`;

describe("the control socket", () => {
  test("answers who can read the token, and passes every request whole", async () => {
    expect(await callControl(folder, { op: "status" })).toEqual(reply);
    await callControl(folder, { op: "live", serving: serving() });
    expect(seen).toEqual([{ op: "status" }, { op: "live", serving: serving() }]);
  });

  test("is asked again by whoever had read the token of the sidecar before it", async () => {
    const present = await token();
    await writeFile(join(folder, "control.token"), "of the one before");
    await rename(join(folder, "control.sock"), join(folder, "present.sock"));
    // By the time that it is asked, it has written its own.
    const between = createServer((client) => {
      writeFileSync(join(folder, "control.token"), present);
      const onward = createConnection(join(folder, "present.sock"));
      client.pipe(onward).pipe(client);
    }).listen(join(folder, "control.sock"));
    expect(await callControl(folder, { op: "status" })).toEqual(reply);
    expect(seen).toEqual([{ op: "status" }]);
    between.close();
  });

  test("is not there before its token: who asks in between would be refused, and find no other one", async () => {
    await socket.close();
    await rm(join(folder, "control.token"));
    await mkdir(join(folder, "control.token")); // so that no token can be written
    await expect(serveControl({ stateFolder: folder, handle, log })).rejects.toThrow(/EISDIR|EPERM|ENOTEMPTY/);
    await expect(stat(join(folder, "control.sock"))).rejects.toThrow(/ENOENT/);
  });

  test("refuses whoever has no other token to come back with", async () => {
    await writeFile(join(folder, "control.token"), "somebody else's");
    expect(await callControl(folder, { op: "status" })).toMatchObject({ ok: false, error: { code: "LF1422" } });
  });

  test("is asked with no token that lies elsewhere: root would say aloud what a link points to", async () => {
    await rename(join(folder, "control.token"), join(folder, "elsewhere"));
    await symlink("elsewhere", join(folder, "control.token"));
    await expect(callControl(folder, { op: "status" })).rejects.toThrow(/LF1420/);
    expect(seen).toEqual([]);
  });

  test("lies in files that nobody else can use", async () => {
    expect([await mode("control.sock"), await mode("control.token"), await mode(".")]).toEqual(["600", "600", "700"]);
  });

  test.each<[situation: string, line: () => Promise<string>, code: string]>([
    ["a wrong token", async () => frame("f".repeat(64)), "LF1422"],
    ["a token that is a part of the right one", async () => frame((await token()).slice(0, 8)), "LF1422"],
    ["no token", async () => `{"version":1,"request":{"op":"status"}}\n`, "LF1422"],
    ["no JSON", async () => "hello\n", "LF1421"],
    ["another version", async () => frame(await token(), { version: 2 }), "LF1421"],
    ["an unknown request", async () => frame(await token(), { request: { op: "explode" } }), "LF1421"],
    ["a line without end", async () => "x".repeat(70_000), "LF1421"],
  ])("refuses %s, and nothing is done", async (_, line, code) => {
    expect(await codeOf(await line())).toBe(code);
    expect(seen).toEqual([]);
  });

  test("answers a refusal with its code and what to do, and a bug without its words", async () => {
    handle = () => Promise.reject(stopping());
    expect(await callControl(folder, { op: "status" })).toMatchObject({ ok: false, error: { code: "LF1425" } });
    handle = () => Promise.reject(new Error("secret detail"));
    const bug = await callControl(folder, { op: "status" });
    expect(toJson(bug)).not.toContain("secret detail");
    expect(bug).toMatchObject({ ok: false, error: { code: "LF1429" } });
  });

  test("a new start takes over a socket that a killed process left, with a new token", async () => {
    const before = await token();
    const second = await serveControl({ stateFolder: folder, handle: (request) => handle(request), log });
    expect(await token()).not.toBe(before);
    expect(await callControl(folder, { op: "status" })).toEqual(reply);
    await second.close();
  });

  test("a path beyond the system's limit is refused by name", async () => {
    await expect(serveControl({ stateFolder: join(folder, "x".repeat(120)), handle, log })).rejects.toMatchObject({
      code: "LF1426",
    });
  });
});

test("asking where nobody listens says so", async () => {
  const empty = await mkdtemp(join(tmpdir(), "lf-control-"));
  await expect(callControl(empty, { op: "status" })).rejects.toBeInstanceOf(SidecarSilent);
  await writeFile(join(empty, "control.token"), "x");
  await expect(callControl(empty, { op: "status" })).rejects.toMatchObject({ code: "LF1420" });
  await rm(empty, { recursive: true });
});
