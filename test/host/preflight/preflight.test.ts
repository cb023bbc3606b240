import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { layoutOf } from "../../../host/layout.js";
import { pass, type AnyCheck } from "../../../host/preflight/check.js";
import { cardsOnBus } from "../../../host/preflight/gpu.js";
import { preflight } from "../../../host/preflight/preflight.js";
import type { ServiceManager } from "../../../host/services/unit.js";
import { wantsSchema } from "../../../schema/host.js";
import { ManualClock, quiet } from "../fake-machine.js";

const wants = wantsSchema.parse({ ollamaPort: 11500, gpu: "none" });
const machine = (clock: ManualClock) => ({ layout: layoutOf("/h"), services: {} as ServiceManager, clock });
const good: AnyCheck = { name: "good", run: async () => pass("as it must be") };

test("a check that breaks is a failed line with its reason, and the others are told all the same", async () => {
  const broken: AnyCheck = { name: "broken", run: () => Promise.reject(new Error("EIO: read error")) };
  const thrown: AnyCheck = {
    name: "thrown",
    run: () => {
      throw new Error("at once");
    },
  };
  const lines = await preflight(machine(new ManualClock()), wants, [broken, thrown, good]);
  expect(lines).toMatchObject([
    { check: "broken", verdict: "fail", found: expect.stringContaining("EIO: read error") as string },
    { check: "thrown", verdict: "fail", found: expect.stringContaining("at once") as string },
    { check: "good", verdict: "pass", found: "as it must be" },
  ]);
});

test("a check that never ends is a failed line after ten seconds, told by its signal, and holds up nobody", async () => {
  const clock = new ManualClock();
  const told: string[] = [];
  const endless: AnyCheck = {
    name: "endless",
    run: ({ signal }) =>
      new Promise(() => {
        signal.addEventListener("abort", () => told.push("abort"));
      }),
  };
  let lines: unknown;
  void preflight(machine(clock), wants, [endless, good, endless]).then((all) => (lines = all));
  await clock.advance(9_999);
  expect([lines, told]).toEqual([undefined, []]);
  await clock.advance(1);
  await quiet();
  expect(lines).toMatchObject([{ found: "no result within 10 s" }, { verdict: "pass" }, { verdict: "fail" }]);
  expect(told).toEqual(["abort", "abort"]);
});

test("in a container beside Ollama's nothing is looked for that is Ollama's, the operator's or the engine's", async () => {
  const lines = await preflight(machine(new ManualClock()), wantsSchema.parse({ ...wants, container: true }));
  expect(lines.map(({ check }) => check)).toEqual([
    ...["operating system", "glibc", "disk", "folder", "open files", "DNS", "network", "clock"],
  ]);
});

let bus: string;
beforeAll(async () => {
  bus = await mkdtemp(join(tmpdir(), "lf-pci-"));
  const device = async (name: string, files: Record<string, string>) => {
    await mkdir(join(bus, name));
    for (const [file, text] of Object.entries(files)) await writeFile(join(bus, name, file), `${text}\n`);
  };
  await device("0000:00:02.0", { class: "0x020000", vendor: "0x10de" }); // NVIDIA's, but a network card
  await device("0000:01:00.0", { class: "0x030200", vendor: "0x10de" });
  await device("0000:02:00.0", { class: "0x030000", vendor: "0x1002" });
  await device("0000:03:00.0", { class: "0x030000", vendor: "0x1234" });
  await device("0000:04:00.0", {});
});
afterAll(() => rm(bus, { recursive: true, force: true }));

test("cards are found on the bus by their class and maker, driver or not", async () => {
  expect([...(await cardsOnBus(bus))].sort()).toEqual(["AMD", "NVIDIA", "other"]);
  expect(await cardsOnBus(join(bus, "nowhere"))).toEqual([]);
});
