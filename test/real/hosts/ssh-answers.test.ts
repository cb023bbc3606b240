import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openHost, type Host } from "../../../components/host/host.js";
import { freePort } from "../../../system/net.js";
import { startSshd, whyNoSshd, type Sshd } from "./sshd.js";

describe.skipIf(whyNoSshd() !== undefined)("what answers on a host that is reached by SSH", () => {
  let folder: string;
  let server: Server;
  let url: string;
  const opened: Sshd[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lf-answers-"));
    server = createServer((request, reply) => {
      reply.statusCode = request.url === "/good" ? 200 : 500;
      reply.end("x".repeat(1_000_000));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // A host program that has been asked says so, and that all is well.
    const bundle = join(folder, "bundles", `0x${"ab".repeat(32)}`);
    await mkdir(bundle, { recursive: true });
    await writeFile(join(bundle, "node"), `#!/bin/sh\necho '{"ok":true}'\n`, { mode: 0o755 });
  });
  afterAll(async () => {
    for (const one of opened) await one.end();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  async function hostBehind(config: readonly string[]): Promise<{ host: Host; programs: () => Promise<number> }> {
    const sshd = await startSshd({ config });
    opened.push(sshd);
    const { server: there, bastion, identity, sudo } = sshd.way;
    const way = { server: there as typeof there & { hostKey: string }, bastion, identity, sudo };
    return {
      host: openHost({ kind: "ssh", name: "there", root: folder, ...way }),
      programs: async () => (await sshd.log()).split("Starting session: command").length - 1,
    };
  }

  test("is found out without starting a program there", async () => {
    const { host, programs } = await hostBehind([]);
    expect(await host.answers(`${url}/good`)).toBe(true);
    expect(await Promise.all(Array.from({ length: 20 }, () => host.answers(`${url}/good`)))).not.toContain(false);
    expect(await programs()).toBe(0);
  });

  test.each<[situation: string, config: readonly string[], asked: () => Promise<string>]>([
    ["whose server lets nobody through", ["AllowTcpForwarding no"], async () => `${url}/good`],
    ["on which something answers with an error", [], async () => `${url}/bad`],
    ["on which nothing answers", [], async () => `http://127.0.0.1:${await freePort()}`],
    ["that is asked about another machine", [], async () => "http://ollama:11434"],
  ])("is left to the host program of a machine %s", async (_, config, asked) => {
    const { host, programs } = await hostBehind(config);
    expect(await host.answers(await asked())).toBe(true);
    expect(await programs()).toBe(1);
  });
});
