import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { cpus, disk, memory } from "../../../host/preflight/capacity.js";
import type { Check, Judgement } from "../../../host/preflight/check.js";
import type { Answer } from "../../../host/preflight/endpoints.js";
import { gpu, gpuMemory, type Graphics } from "../../../host/preflight/gpu.js";
import { clock, dns, routes } from "../../../host/preflight/network.js";
import { folder, journals, port, type Mount } from "../../../host/preflight/place.js";
import { checks } from "../../../host/preflight/preflight.js";
import { glibc, init, openFiles, platform } from "../../../host/preflight/system.js";
import { wantsSchema, type Wants } from "../../../schema/host.js";

const gib = 1024 ** 3;
const small = { name: "small", diskBytes: 4 * gib, memoryBytes: 6 * gib };
const large = { name: "large", diskBytes: 37 * gib, memoryBytes: 46 * gib };
const strange = { name: "strange", diskBytes: null, memoryBytes: null };
const wants = (more: Partial<z.input<typeof wantsSchema>> = {}): Wants =>
  wantsSchema.parse({ ollamaPort: 11500, gpu: "required", models: [small], ...more });
const onCpu = { gpu: "none" } as const;

/** Situation, what was found, what is wanted, the verdict, and what a person must read in it. */
type Row<Found> = [situation: string, found: Found, wanted: Wants, verdict: Judgement["verdict"], reads: RegExp];

function judged<Found>(check: Check<Found>, rows: readonly Row<Found>[]): void {
  describe(check.name, () => {
    test.each(rows)("%s", (_, found, wanted, verdict, reads) => {
      const judgement = check.judge(found, wanted);
      expect(judgement.verdict).toBe(verdict);
      expect(`${judgement.found} → ${judgement.fix ?? ""}`).toMatch(reads);
      if (verdict === "pass") expect(judgement.fix).toBeNull();
      else expect(judgement.fix).toMatch(/\S/);
    });
  });
}

judged(platform, [
  ["Linux on x64", { os: "linux", arch: "x64" }, wants(), "pass", /linux x64/],
  ["Linux on arm64", { os: "linux", arch: "arm64" }, wants(), "pass", /linux arm64/],
  ["a Mac", { os: "darwin", arch: "arm64" }, wants(), "fail", /darwin arm64 → choose a Linux machine/],
  ["another processor", { os: "linux", arch: "riscv64" }, wants(), "fail", /riscv64/],
]);

judged(glibc, [
  ["the oldest that will do", "2.28", wants(), "pass", /2\.28/],
  ["a newer one, by number and not by text", "2.100", wants(), "pass", /2\.100/],
  ["one that is too old", "2.17", wants(), "fail", /2\.17 → choose a distribution/],
  ["none, as with musl", undefined, wants(), "fail", /no glibc/],
]);

const systemd = { kind: "systemd", isRoot: true } as const;
judged(init, [
  ["a systemd with encrypted credentials", { ...systemd, version: 250 }, wants(), "pass", /systemd 250/],
  ["an older one", { ...systemd, version: 249 }, wants(), "warn", /no encrypted credentials/],
  ["the oldest that will do", { ...systemd, version: 240 }, wants(), "warn", /no encrypted credentials/],
  ["one that is too old", { ...systemd, version: 239 }, wants(), "fail", /systemd 239.* → choose a distribution/],
  ["one that says nothing", { ...systemd, version: undefined }, wants(), "warn", /systemctl --version/],
  [
    "none, for root",
    { kind: "supervisor", version: undefined, isRoot: true },
    wants(),
    "warn",
    /not PID 1 here.*nothing starts the worker after a reboot/,
  ],
  ["none, for a user", { kind: "supervisor", version: undefined, isRoot: false }, wants(), "warn", /run as root/],
]);

judged(openFiles, [
  ["many", 20_000, wants(), "pass", /20000/],
  ["no limit", Infinity, wants(), "pass", /unlimited/],
  ["few", 1_024, wants(), "warn", /nofile/],
  ["too few", 1_023, wants(), "fail", /1023/],
]);

judged(cpus, [
  ["two", 2, wants(), "pass", /2/],
  ["one", 1, wants(), "warn", /2 or more/],
]);

judged(memory, [
  ["16 GB beside a GPU", 15.4 * gib, wants(), "pass", /15\.4 GiB/],
  ["8 GB beside a GPU", 8 * gib, wants(), "warn", /16 GB/],
  ["less than the least", 1.9 * gib, wants(), "fail", /2\.0 GiB needed/],
  ["a least of one's own", 8 * gib, wants({ minimumMemoryBytes: 9 * gib }), "fail", /9\.0 GiB needed/],
  ["room for the model on the CPU", 8.5 * gib, wants(onCpu), "pass", /8\.5 GiB/],
  ["no room for it", 8.4 * gib, wants(onCpu), "fail", /8\.5 GiB needed \(small takes 7\.0 GiB\)/],
  ["no room for the larger one", 32 * gib, wants({ ...onCpu, models: [small, large] }), "fail", /large takes/],
  [
    "no room for its context",
    16 * gib,
    wants({ ...onCpu, models: [{ ...small, contextBytesPerToken: 131_072 }], contextLength: 131_072 }),
    "fail",
    /small takes 21\.0 GiB/,
  ],
  ["a model of which nothing is known", 4 * gib, wants({ ...onCpu, models: [strange] }), "pass", /of strange/],
]);

const disks = (freeGib: number, heldGib = 0) => ({
  folder: "/srv",
  freeBytes: freeGib * gib,
  heldBytes: heldGib * gib,
});
judged(disk, [
  ["room for weights and more", disks(9), wants(), "pass", /9\.0 GiB free in \/srv/],
  ["room for weights and little more", disks(8.9), wants(), "warn", /df -h \/srv/],
  ["no room for weights", disks(4.2), wants(), "fail", /4\.3 GiB needed/],
  [
    "no room for weights that may be in another container's volume",
    disks(4.2),
    wants({ container: true }),
    "warn",
    /4\.0 GiB needed for weights that are not in Ollama's volume/,
  ],
  ["no room for anything in a container", disks(0.2), wants({ container: true }), "fail", /4\.3 GiB needed/],
  ["weights that are there already", disks(5, 4), wants(), "pass", /5\.0 GiB/],
  ["weights that are there in part", disks(3, 2), wants(), "warn", /2\.0 GiB of weights/],
  ["models add up", disks(40), wants({ models: [small, large] }), "fail", /41\.3 GiB needed/],
  ["a full disk, and a model of which nothing is known", disks(0.2), wants({ models: [strange] }), "fail", /0\.3 GiB/],
]);
test("a full disk has the code that it has everywhere", () =>
  expect(disk.judge(disks(0), wants()).code).toBe("LF1350"));

const uuids = [1, 2, 3].map((n) => `GPU-${String(n).repeat(8)}-1111-1111-1111-111111111111`);
const l4 = { name: "NVIDIA L4", memoryBytes: 22_888 * 1024 ** 2, index: "0", uuid: uuids[0]! };
const [t4, a100] = [
  { name: "Tesla T4", memoryBytes: 15_360 * 1024 ** 2, index: "1", uuid: uuids[1]! },
  { name: "NVIDIA A100", memoryBytes: 81_920 * 1024 ** 2, index: "2", uuid: uuids[2]! },
];
const graphics = (more: Partial<Graphics> = {}): Graphics => ({
  ...{ cards: [], gpus: [], driver: undefined, trouble: "spawn nvidia-smi ENOENT" },
  ...more,
});
const working = graphics({ cards: ["NVIDIA"], gpus: [l4], driver: "570.86.15", trouble: null });
const several = { ...working, gpus: [l4, t4, a100] };
judged(gpu, [
  ["a GPU with its driver", working, wants(), "pass", /NVIDIA L4, driver 570/],
  ["an old driver", { ...working, driver: "535.183.01" }, wants(), "warn", /550 or newer/],
  ["a driver without a version", { ...working, driver: undefined }, wants(), "pass", /unknown version/],
  [
    "a card without a driver",
    graphics({ cards: ["NVIDIA"] }),
    wants(),
    "fail",
    /card without a working driver.*ENOENT/,
  ],
  [
    "a card whose driver is broken",
    graphics({ cards: ["NVIDIA"], trouble: "NVIDIA-SMI has failed because it couldn't communicate" }),
    wants(),
    "fail",
    /couldn't communicate.*ubuntu-drivers install/,
  ],
  ["another maker's card", graphics({ cards: ["other", "AMD"] }), wants(), "fail", /AMD.*gpu: "none"/],
  ["a screen's card alone", graphics({ cards: ["other"] }), wants(), "fail", /no GPU → .*gpu: "none"/],
  ["none", graphics(), wants(), "fail", /no GPU/],
  ["none, and none asked for", graphics(), wants(onCpu), "pass", /on the CPU, as asked/],
  ["one, and none asked for", working, wants(onCpu), "pass", /not asked for/],
  ["one of several, by its index", several, wants({ gpus: ["1"] }), "pass", /^Tesla T4, driver/],
  [
    "two of several, by their UUIDs",
    several,
    wants({ gpus: [uuids[2]!, uuids[0]!] }),
    "pass",
    /^NVIDIA L4, NVIDIA A100, /,
  ],
  [
    "an index that there is none of",
    several,
    wants({ gpus: ["2", "3"] }),
    "fail",
    /^no GPU 3; there is 0 \(GPU-1{8}\S+, NVIDIA L4\), 1 .*2 \(.*A100\) → set gpus to .* nvidia-smi -L/,
  ],
  ["another machine's UUID", working, wants({ gpus: [uuids[1]!] }), "fail", /no GPU GPU-2{8}/],
  [
    "GPUs that are named on a machine that has none",
    graphics(),
    wants({ gpus: ["0"] }),
    "fail",
    /^no GPU → use a machine/,
  ],
]);

judged(gpuMemory, [
  ["room for the model", [l4], wants(), "pass", /22\.4 GiB/],
  ["no room for the larger one", [l4], wants({ models: [small, large] }), "fail", /large takes 47\.0 GiB/],
  ["two cards that hold it together", [l4, l4, l4], wants({ models: [large] }), "pass", /67\.1 GiB/],
  [
    "room for each, not for all",
    [l4],
    wants({ models: [1, 2, 3, 4].map((n) => ({ ...small, name: `m${n}` })) }),
    "warn",
    /cold start/,
  ],
  ["a context that is too long", [l4], wants({ contextLength: 200_000 }), "fail", /lower contextLength/],
  ["a model of which nothing is known", [l4], wants({ models: [strange] }), "warn", /of strange/],
  ["no GPU", [], wants(), "fail", /no GPU/],
  ["no GPU, and none asked for", [], wants(onCpu), "pass", /not asked for/],
  ["room on the GPU that is named", [l4, t4, a100], wants({ models: [large], gpus: ["2"] }), "pass", /^80\.0 GiB/],
  [
    "room on the machine, but not on the GPU that is named",
    [l4, t4, a100],
    wants({ models: [large], gpus: ["0"] }),
    "fail",
    /^22\.4 GiB, but large/,
  ],
  [
    "room on two named ones together",
    [l4, l4, t4, a100],
    wants({ models: [large], gpus: ["0", "1"] }),
    "pass",
    /^59\.7 GiB/,
  ],
  ["a GPU that there is none of", [l4], wants({ gpus: ["7"] }), "fail", /see GPU and driver/],
]);

judged(port, [
  ["free", "free", wants(), "pass", /11500, free/],
  ["our own Ollama's", "ours", wants(), "pass", /our own/],
  ["somebody else's", "taken", wants(), "fail", /ss -ltnp 'sport = :11500'/],
]);

const ext4 = (...options: string[]): Mount => ({ point: "/", type: "ext4", options: ["rw", ...options] });
const at = (mount: Mount | undefined, writable = true) => ({ path: "/var/lib", writable, mount });
judged(folder, [
  ["an ordinary one", at(ext4()), wants(), "pass", /\/var\/lib \(ext4 on \/\)/],
  ["one of which the mount is not known", at(undefined), wants(), "pass", /\/var\/lib/],
  ["one that is another user's", at(ext4(), false), wants(), "fail", /chown/],
  ["one that is mounted read-only", at(ext4("ro"), false), wants(), "fail", /remount,rw \//],
  ["one that starts no program", at(ext4("noexec")), wants(), "fail", /remount,exec \//],
  ["one on another machine", at({ point: "/mnt", type: "nfs4", options: ["rw"] }), wants(), "warn", /local disk/],
]);

const journalDisk = (more: object = {}) => ({
  ...{ path: "/h/workers", writable: true, freeBytes: 20 * gib },
  mount: { point: "/h/workers", type: "ext4", options: ["rw", "noexec"] },
  ...more,
});
judged(journals, [
  ["in the host's folder", null, wants(), "pass", /in the host's folder/],
  [
    "on a disk of their own, which starts no program",
    journalDisk(),
    wants(),
    "pass",
    /20\.0 GiB free in \/h\/workers \(ext4/,
  ],
  ["on one that is nearly full", journalDisk({ freeBytes: 0.5 * gib }), wants(), "warn", /df -h \/h\/workers/],
  ["on one that is full", journalDisk({ freeBytes: 0 }), wants(), "fail", /0\.1 GiB needed/],
  [
    "on one that is mounted read-only",
    journalDisk({ mount: { ...journalDisk().mount, options: ["ro"] } }),
    wants(),
    "fail",
    /remount,rw \/h\/workers/,
  ],
  ["on one that is another user's", journalDisk({ writable: false }), wants(), "fail", /chown/],
  [
    "on another machine",
    journalDisk({ mount: { ...journalDisk().mount, type: "nfs4" } }),
    wants(),
    "warn",
    /a local disk/,
  ],
]);

judged(dns, [
  ["all found", [{ name: "rpc.example", trouble: null }], wants(), "pass", /1 names found/],
  ["nothing to look up", [], wants(), "pass", /no name/],
  [
    "none found",
    [{ name: "rpc.example", trouble: "EAI_AGAIN" }],
    wants(),
    "fail",
    /EAI_AGAIN.*getent hosts rpc\.example/,
  ],
  [
    "some found",
    [
      { name: "rpc.example", trouble: null },
      { name: "gw.example", trouble: "ENOTFOUND" },
    ],
    wants(),
    "warn",
    /gw\.example/,
  ],
]);

const answer = (name: string, more: Partial<Answer> = {}): Answer => ({
  ...{ name, url: `https://${name}.example`, status: 200, trouble: null, aheadMs: 0 },
  ...more,
});
const silent = { status: null, trouble: "ECONNREFUSED" };
judged(routes, [
  ["all answer", [answer("rpc"), answer("gateway", { status: 404 })], wants(), "pass", /rpc, gateway answer/],
  ["nothing to ask", [], wants(), "pass", /nothing/],
  [
    "a node that is not reached",
    [answer("rpc", silent), answer("beacon")],
    wants(),
    "fail",
    /rpc \(.*ECONNREFUSED.*curl/,
  ],
  ["a gateway that is not reached", [answer("gateway", silent)], wants(), "fail", /gateway/],
  ["a beacon node that is not reached", [answer("beacon", silent)], wants(), "fail", /beacon/],
  ["a registry that is not reached", [answer("registry", silent)], wants(), "warn", /registry/],
  ["one that is in trouble itself", [answer("rpc", { status: 503 })], wants(), "warn", /rpc answers 503/],
]);

judged(clock, [
  ["in step", [0, null], wants(), "pass", /in step/],
  ["two seconds off", [2_000], wants(), "pass", /in step/],
  ["more than two", [-2_001], wants(), "warn", /2\.0 s behind/],
  ["half a minute off", [30_000], wants(), "warn", /30\.0 s ahead/],
  ["more than that", [30_001, 31_000], wants(), "fail", /ahead → timedatectl/],
  ["off by one server's account alone", [90_000, 100], wants(), "pass", /in step/],
  ["with nobody to tell the time", [null], wants(), "warn", /nobody told/],
  ["with nobody to ask", [], wants(), "pass", /nothing to compare/],
]);

test("every check of the registry is told apart by its name", () => {
  const names = checks.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toHaveLength(15);
});
