import { afterEach, expect, test } from "vitest";
import { host } from "../../../components/host/host-provider.js";
import { model } from "../../../components/models/model-provider.js";
import type { HostReference } from "../../../components/worker-reference.js";
import { freePort } from "../../../system/net.js";
import { startSshd, whyNoSshd } from "./sshd.js";

afterEach(() => {
  delete process.env["LIGHTCHAIN_HOLDER_GONE"];
});

const ollama = { ollama: "/usr/bin/ollama", ollamaPort: 11500, contextLength: 0 };
const hash = `0x${"ab".repeat(32)}`;

test.skipIf(whyNoSshd() !== undefined)(
  "the resources of a machine that cannot be asked are given up by the operator's word alone",
  async () => {
    const sshd = await startSshd();
    const { server, bastion, identity, sudo } = sshd.way;
    const way = { server, bastion, identity, sudo };
    const reference = {
      ...{ kind: "ssh", name: "there", root: "/nowhere", ...way },
      server: { ...way.server, port: await freePort() },
    } as HostReference;
    await sshd.end();
    const { keyFile } = sshd; // gone with it: that must not keep a destroy from ending either
    expect(keyFile).not.toBe("");
    const states = {
      host: {
        ...{ kind: "ssh", name: "there", root: "/nowhere", connection: sshd.way, ...ollama },
        ...{
          bundle: "/b",
          wantedBundle: hash,
          reference,
          bundleHash: hash,
          ollamaUrl: "http://127.0.0.1:11500",
          facts: null,
        },
      },
      model: {
        ...{ host: reference, worker: "home", model: "tiny", source: "tiny", insecure: false, digest: "" },
        ...{ heldDigest: "", sample: "", tokensPerSecond: 1, sizeBytes: 1 },
      },
    };
    const destroys = [() => host.delete("", states.host), () => model.delete("", states.model)];
    for (const destroy of destroys) await expect(destroy()).rejects.toThrow(/LF1536/);
    process.env["LIGHTCHAIN_HOLDER_GONE"] = "elsewhere#1";
    for (const destroy of destroys) await expect(destroy()).rejects.toThrow(/LF1536/);
    process.env["LIGHTCHAIN_HOLDER_GONE"] = "there#0";
    for (const destroy of destroys) await destroy();
  },
);
