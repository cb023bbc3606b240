import { describe, expect, test } from "vitest";
import { networks } from "../../abi/networks.js";
import { layoutOf } from "../../host/layout.js";
import { memoryFor, ollamaUnit } from "../../host/sections/ollama-unit.js";
import { sidecarUnit } from "../../host/sections/service.js";
import { isNvidiaCard, renderGpuWait } from "../../host/services/gpu-unit.js";
import { NotForSystemd } from "../../host/services/systemd-text.js";
import { renderUnit } from "../../host/services/systemd-unit.js";
import { unitSchema, type Unit } from "../../host/services/unit.js";
import { ancestorsOf, isWithin } from "../../host/services/veils.js";
import { renderWatchdog } from "../../host/services/watchdog-unit.js";
import { runtimeSectionSchema, serviceSectionSchema } from "../../schema/host.js";
import { toJson } from "../../schema/json.js";

const layout = layoutOf("/var/lib/lightchain");
const around = {
  node: "/var/lib/lightchain/bundles/0xb/node",
  supervisor: "/var/lib/lightchain/bundles/0xb/supervisor.js",
  spec: "/var/lib/lightchain/supervisor/units/worker-home.json",
  after: ["lightchain-0a1b2c3d-ollama.service"],
  veils: ["/var/lib/lightchain"],
};
const section = serviceSectionSchema.parse({
  kind: "service",
  bundle: `0x${"b".repeat(64)}`,
  settings: {
    worker: "home",
    host: "here",
    address: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    network: networks.testnet,
    models: ["llama3-8b"],
    stateFolder: "/var/lib/lightchain/workers/home/state",
    inference: { ollamaUrl: "http://127.0.0.1:11500" },
  },
});
type Confined = NonNullable<Parameters<typeof sidecarUnit>[0]["confined"]>;
const sidecar = (confined: Confined | undefined): Unit =>
  sidecarUnit({ worker: "home", section, host: "here", layout, revision: "r1", confined });
const user = { name: "lightchain-home-01234567", uid: 999, gid: 995 };
const path = "/run/credentials/lightchain-0a1b2c3d-worker-home.service/secret";
const credential = { path, file: layout.worker("home").credential, sealKey: "5ea1" };
const ollamaWith = (gpus: readonly string[]): Unit =>
  ollamaUnit(
    {
      ...runtimeSectionSchema.parse({ kind: "runtime", ollama: "/usr/local/bin/ollama", port: 11_500, gpus }),
      ollama: "/usr/local/bin/ollama",
    },
    layout,
    "0.11.4",
    {
      user: "lightchain-ollama-01234567",
      program: "/usr/local/bin/ollama",
      readable: ["/usr/local/bin/ollama", "/usr/local/lib/ollama"],
      memoryMaxBytes: 28 * 1024 ** 3,
    },
  );
const ollama = ollamaWith([]);
const linesOf = (text: string): string[] => text.split("\n");

describe("a sidecar's unit", () => {
  test("with its secret as a credential", () => {
    expect(renderUnit(sidecar({ user, credential }), around)).toMatchSnapshot();
  });

  test("with a parent that opens its secret: root's, with what that takes and no more, and none of its environment", () => {
    const text = renderUnit(sidecar({ user, credential: undefined }), around);
    expect(text).toMatchSnapshot();
    expect(linesOf(text).filter((line) => /^(User|Environment|LoadCredential)/.test(line))).toEqual([]);
  });

  test("runs no compiled code as root that the sidecar may write", () => {
    const lines = linesOf(renderUnit(sidecar({ user, credential }), around));
    const asRoot = lines.filter((line) => /^Exec\w+="\+/.test(line));
    expect(asRoot.map((line) => line.split('" "')[0])).toEqual([
      'ExecCondition="+:/usr/bin/env',
      'ExecStartPre="+:/bin/chown',
    ]);
    expect(asRoot[0]).toContain('"-i"');
  });

  test("never forbids writing code and running it: V8 does", () => {
    for (const unit of [sidecar({ user, credential }), ollama])
      expect(renderUnit(unit, around)).not.toContain("MemoryDenyWriteExecute");
  });

  test("where services have no users of their own is what it was before there were any", () => {
    const { user: name, sandbox, readable, writable, credential: none, watchdog, ...unit } = sidecar(undefined);
    expect([name, sandbox, readable, writable, none, watchdog]).toEqual(Array(6).fill(undefined));
    expect(Object.keys(unit)).toEqual([
      "name",
      "description",
      "command",
      "environment",
      "folder",
      "log",
      "stopTimeoutMs",
      "revision",
      "secret",
    ]);
    expect(unit.command.slice(-2)).toEqual(["--secrets", "fd:3"]);
  });

  test("is read back as it was written, and one of an older version without what that did not know", () => {
    for (const unit of [sidecar({ user, credential }), sidecar(undefined), ollama])
      expect(unitSchema.parse(JSON.parse(toJson(unit)))).toEqual(unit);
  });

  test("may lie below a home, of which it then sees nothing else", () => {
    const text = renderUnit(sidecar({ user, credential }), { ...around, veils: ["/home/me"] });
    expect(text).toContain("ProtectHome=yes");
    const home = sidecarUnit({
      worker: "home",
      section,
      host: "here",
      layout: layoutOf("/home/me/.l"),
      revision: "r1",
      confined: { user, credential },
    });
    expect(renderUnit(home, { ...around, veils: ["/home/me"] })).toContain("ProtectHome=tmpfs");
  });

  test.each(['/srv/a"b', "/srv/a:b", "/srv/a\\b", "/srv/a\nb"])("cannot be given the folder %j", (folder) => {
    const unit = { ...sidecar({ user, credential }), writable: [folder] };
    expect(() => renderUnit(unit, around)).toThrow(NotForSystemd);
  });
});

test("a sidecar's watchdog asks as the sidecar's user, and lets only systemd act, on one that is meant to run", () => {
  const unit = sidecar({ user, credential });
  const names = {
    service: "lightchain-0-worker-home.service",
    look: "lightchain-0-watch-worker-home.service",
    timer: "lightchain-0-watch-worker-home.timer",
  };
  const { look, timer } = renderWatchdog({ ...unit, watchdog: unit.watchdog! }, names, around);
  expect(look).toMatchSnapshot();
  expect(timer).toMatchSnapshot();
});

describe("Ollama's unit", () => {
  test("has the GPUs and no other device, and more of the machine's memory than anybody", () => {
    expect(renderUnit(ollama, { ...around, after: [] })).toMatchSnapshot();
  });

  test("logs no prompt", () => {
    expect(Object.keys(ollama.environment).filter((name) => /DEBUG|HISTORY/.test(name))).toEqual(["OLLAMA_NOHISTORY"]);
  });

  test("sees every GPU unless some are named, and those in the order in which nvidia-smi counts them", () => {
    expect(Object.keys(ollama.environment).filter((name) => name.startsWith("CUDA"))).toEqual([]);
    expect(renderUnit(ollamaWith(["2", "0"]), { ...around, after: [] })).toMatch(
      /\nEnvironment="CUDA_DEVICE_ORDER=PCI_BUS_ID"\nEnvironment="CUDA_VISIBLE_DEVICES=2,0"\n/,
    );
  });

  test.each([
    [25_276_510_208, 21],
    [16 * 1024 ** 3 - 300 * 1024 ** 2, 14],
    [2 * 1024 ** 3, 1],
  ])("of %d bytes of memory is given %d GiB", (total, gib) => expect(memoryFor(total)).toBe(gib * 1024 ** 3));

  test("of less than two GiB is given all", () => expect(memoryFor(1_000_000_000)).toBe(1_000_000_000));
});

test("the wait for a GPU's driver ends", () => {
  const text = renderGpuWait();
  expect(text).toMatchSnapshot();
});

test.each([
  ["a graphics card of NVIDIA's", "0x10de\n", "0x030000\n", true],
  ["one without a display", "0x10de\n", "0x030200\n", true],
  ["its sound device", "0x10de\n", "0x040300\n", false],
  ["a card of AMD's", "0x1002\n", "0x030000\n", false],
  ["a device that does not tell", "", "", false],
])("%s makes Ollama wait for NVIDIA's driver: %s", (_, vendor, pciClass, waits) =>
  expect(isNvidiaCard(vendor, pciClass)).toBe(waits),
);

test("a folder's ancestors are itself and all above it, and a path lies in each of them but in none that only begins alike", () => {
  expect(ancestorsOf("/srv/a/b")).toEqual(["/srv", "/srv/a", "/srv/a/b"]);
  expect(ancestorsOf("/")).toEqual([]);
  expect(ancestorsOf("/srv/a/b").every((folder) => isWithin("/srv/a/b", folder))).toBe(true);
  expect(isWithin("/srv/ab", "/srv/a")).toBe(false);
});
