import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { HostFacts } from "../../schema/host.js";
import { describeError } from "../../schema/errors.js";
import { askNvidiaSmi, chosenGpus, gpuFields, parseNvidiaSmi } from "../gpus.js";
import { fail, inGib, pass, warn, type Check } from "./check.js";
import { demandOf } from "../../schema/demand.js";

/** Graphics cards by the PCI bus, and what NVIDIA's driver says of them. */
export interface Graphics {
  /** Cards by their maker, driver or not. */
  readonly cards: readonly ("NVIDIA" | "AMD" | "other")[];
  readonly gpus: HostFacts["gpus"];
  /** Of NVIDIA's driver; `undefined` when it does not tell. */
  readonly driver: string | undefined;
  /** Why nothing is known of the driver; `null` when it answers. */
  readonly trouble: string | null;
}

/** The oldest driver that current releases of Ollama name for their CUDA libraries (Ollama's docs/gpu.mdx). */
const oldestDriver = 550;
const install =
  "install NVIDIA's driver (Ubuntu: sudo ubuntu-drivers install; Debian: sudo apt-get install nvidia-driver), restart the machine, then see that nvidia-smi answers";
const askForCpu = 'to compute on the CPU all the same, say so: gpu: "none".';

/** Whether there is a GPU, and a driver that can use it. */
export const gpu: Check<Graphics> = {
  name: "GPU and driver",
  probe: ({ signal }) => lookAtGraphics(signal),
  judge: ({ cards, gpus, driver, trouble }, wants) => {
    const { chosen, missing } = chosenGpus(gpus, wants.gpus);
    const found = chosen.map(({ name }) => name).join(", ");
    if (wants.gpu === "none") return pass(found === "" ? "computing on the CPU, as asked" : `${found}, not asked for`);
    if (gpus.length > 0 && missing.length > 0) {
      const there = gpus.map(({ index, uuid, name }) => `${index} (${uuid}, ${name})`).join(", ");
      return fail(
        `no GPU ${missing.join(" and no GPU ")}; there is ${there}`,
        "set gpus to indexes or UUIDs that nvidia-smi -L shows, or leave it out for all of them.",
      );
    }
    if (gpus.length > 0) {
      const withDriver = `${found}, driver ${driver ?? "of an unknown version"}`;
      return driver !== undefined && Number(driver.split(".")[0]) < oldestDriver
        ? warn(withDriver, `${install}; ${oldestDriver} or newer is advised.`)
        : pass(withDriver);
    }
    if (cards.includes("NVIDIA"))
      return fail(`an NVIDIA card without a working driver (${trouble ?? "it names no GPU"})`, `${install}.`);
    if (cards.includes("AMD"))
      return fail("an AMD card; only NVIDIA's are supported", `use a machine with an NVIDIA GPU; ${askForCpu}`);
    return fail("no GPU", `use a machine with an NVIDIA GPU; ${askForCpu}`);
  },
};

/** Whether the models fit into the memory of the GPUs that Ollama gets, which it divides a model over. */
export const gpuMemory: Check<HostFacts["gpus"]> = {
  name: "GPU memory",
  probe: async ({ signal }) => (await lookAtGraphics(signal)).gpus,
  judge: (gpus, wants) => {
    if (wants.gpu === "none") return pass("not asked for");
    const { chosen } = chosenGpus(gpus, wants.gpus);
    if (chosen.length === 0) return fail("none: there is no GPU to ask", "see GPU and driver.");
    const bytes = chosen.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
    const { largest, togetherBytes, unknown } = demandOf(wants);
    const found = inGib(bytes);
    if (largest.bytes > bytes)
      return fail(
        `${found}, but ${largest.name} takes ${inGib(largest.bytes)} with its context`,
        "use a GPU with more memory, serve smaller models, or lower contextLength.",
      );
    if (unknown.length > 0)
      return warn(`${found}; no figures are known of ${unknown.join(", ")}`, "nothing; it shows when it is loaded.");
    if (togetherBytes > bytes)
      return warn(
        `${found}, but all models together take ${inGib(togetherBytes)}: each change of the model costs a cold start`,
        "serve fewer models on this host, or use a GPU with more memory.",
      );
    return pass(found);
  },
};

async function lookAtGraphics(signal: AbortSignal): Promise<Graphics> {
  const [cards, driver] = await Promise.all([cardsOnBus(), askDriver(signal)]);
  return { cards, ...driver };
}

async function askDriver(signal: AbortSignal): Promise<Omit<Graphics, "cards">> {
  const none = { gpus: [], driver: undefined };
  try {
    const memory = await askNvidiaSmi(gpuFields("total"), signal);
    if (memory.code !== 0) return { ...none, trouble: lastLine(memory.stdout + memory.stderr) };
    const version = await askNvidiaSmi("driver_version", signal);
    const driver = /^\d+(\.\d+)*$/m.exec(version.stdout)?.[0];
    return { gpus: parseNvidiaSmi(memory.stdout), driver, trouble: null };
  } catch (error) {
    return { ...none, trouble: signal.aborted ? "nvidia-smi does not answer" : describeError(error) };
  }
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";

const makers: Readonly<Record<string, "NVIDIA" | "AMD">> = { "0x10de": "NVIDIA", "0x1002": "AMD" };

/** Display and 3D controllers (PCI class 0x03) by their maker; none where there is no PCI bus to read. */
export async function cardsOnBus(bus = "/sys/bus/pci/devices"): Promise<Graphics["cards"]> {
  const devices = await readdir(bus).catch(() => []);
  const cards = await Promise.all(
    devices.map(async (device): Promise<Graphics["cards"]> => {
      const read = (name: string) => readFile(join(bus, device, name), "utf8").catch(() => "");
      const [kind, vendor] = await Promise.all([read("class"), read("vendor")]);
      return kind.startsWith("0x03") ? [makers[vendor.trim()] ?? "other"] : [];
    }),
  );
  return cards.flat();
}
