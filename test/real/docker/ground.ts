import { randomBytes, randomInt } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Consumer } from "../../../devnet/consumer/consumer.js";
import { openHost, type Host } from "../../../components/host/host.js";
import { ask } from "../../../components/service/status.js";
import { runningIn } from "../../../devnet/background.js";
import type { SidecarStatus } from "../../../schema/control.js";
import { networkSchema } from "../../../schema/network.js";
import { prepareStage, type Stage } from "../../../scripts/rehearsal/stage.js";
import { compiled } from "../../../system/package-root.js";
import { installDockerPlugin } from "../../plugins/install.js";
import { until } from "../e2e/adversity/troubles.js";
import { openGround } from "../e2e/killed/ground.js";
import { consumerOf, openRehearsal, type Rehearsal } from "../e2e/rehearsal.js";
import type { ServedByStack } from "../hosts/served-troubles.js";
import { mustDocker } from "../machines/docker-engine.js";
import { ensureImage } from "../machines/image.js";
import { makeRelay } from "../relay.js";
import { removeEverythingOf, testEngine } from "./engine.js";
import { makeOllamaImage } from "./ollama-image.js";

/** A worker in containers on a rehearsal network. */
export interface DockerGround {
  readonly rehearsal: Rehearsal;
  readonly consumer: Consumer;
  /** What the names of everything of the stack's begin with. */
  readonly prefix: string;
  readonly worker: string;
  readonly ollama: string;
  readonly stateVolume: string;
  /** The host that the worker's container is. */
  readonly host: Host;
  /** What of a stack's config is this engine's, for a host with this prefix. */
  configOf(prefix: string): Readonly<Record<string, unknown>>;
  /** What the engine has said to a person, a line each. */
  readonly said: string[];
  /** The program with further settings, or other ones. */
  stage(config?: Readonly<Record<string, unknown>>): Promise<Stage>;
  /** The same as a worker to whom things happen. */
  served(config?: Readonly<Record<string, unknown>>): Promise<ServedByStack>;
  end(): Promise<void>;
}

/**
 * Opens it. The rehearsal network listens on this machine's loopback alone, which no container reaches, and the stack's own network must be as it is for
 * everybody: so a bridge beside it has an address of this machine's at which the same ports lead to loopback, and the stack is told that address.
 * @param given the rehearsal network to take, which is not ended with it. Default: one of its own
 */
export async function openDockerGround(given?: Rehearsal): Promise<DockerGround> {
  const rehearsal = given ?? (await openRehearsal());
  const prefix = `docker-${randomBytes(3).toString("hex")}`;
  const closers: (() => unknown)[] = given === undefined ? [() => rehearsal.end()] : [];
  const end = async (): Promise<void> => {
    for (const close of closers.reverse()) await close();
  };
  try {
    closers.push(() => removeEverythingOf(prefix));
    const address = await makeBridge(`${prefix}-test-bridge`);
    const { folders, tools, network } = rehearsal;
    const text = await readFile(network.networkFile, "utf8");
    const ports = [...text.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port));
    const registry = Number(/:(\d+)\//.exec(network.models[0]?.source ?? "")?.[1]);
    const relay = makeRelay();
    closers.push(() => relay.close());
    for (const port of new Set([...ports, registry])) await relay.open(address, port);
    const networkFile = join(folders.root, "network-for-containers.json");
    await writeFile(networkFile, text.replaceAll("127.0.0.1", address));
    const base = await ensureImage();
    const ollamaImage = `${prefix}-test-ollama:test`;
    await makeOllamaImage(ollamaImage, base, tools, { address, port: registry });
    await installDockerPlugin(folders.pulumiHome, tools.node);

    const configOf = (named: string): Readonly<Record<string, unknown>> => ({
      kind: "docker",
      network: networkFile,
      engine: testEngine(),
      prefix: named,
      ollamaImage,
      baseImage: base,
      gpu: "none",
      ollamaMemoryMiB: 2_048,
      bundle: compiled("bundle"),
      patienceMs: 120_000,
    });
    const said: string[] = [];
    const say = (line: string): void => {
      said.push(line);
      if (process.env["LIGHTCHAIN_TEST_VERBOSE"] !== undefined) process.stderr.write(`${line}\n`); // for whoever wants to see it
    };
    const stage = (config: Readonly<Record<string, unknown>> = {}): Promise<Stage> =>
      prepareStage(folders, tools, { ...network, networkFile }, say, { ...configOf(prefix), ...config });
    const names = { worker: `${prefix}-worker`, ollama: `${prefix}-ollama`, stateVolume: `${prefix}-state` };
    const consumer = await consumerOf(networkSchema.parse(JSON.parse(text)), network.accountsFile);
    const host = openHost({
      ...{ kind: "docker", name: "home-host", root: "/var/lib/lightchain-fleet" },
      ...{ engine: testEngine(), container: names.worker, volume: names.stateVolume },
    });
    const served = async (config: Readonly<Record<string, unknown>> = {}): Promise<ServedByStack> => {
      const seen = { ...rehearsal, network: { ...network, networkFile } };
      const ground = await openGround(seen, "home", { ...configOf(prefix), ...config }, say);
      closers.push(() => ground.end());
      const control = (await runningIn(folders.network))?.control ?? "";
      const { model } = ground.stage;
      const status = (): Promise<SidecarStatus> => ask(host, "home", { op: "status" });
      const isLive = (): Promise<boolean> =>
        status().then(
          ({ mode, claiming }) => mode === "live" && claiming,
          () => false,
        );
      return {
        ...{ ground, status },
        live: () => until("it serves", isLive, 120),
        asking: async () => ({ consumer, stage: ground.stage, model, worker: await ground.address(), control }),
      };
    };
    return { ...names, ...{ rehearsal, prefix, configOf, said, stage, served, end, consumer, host } };
  } catch (error) {
    await end();
    throw error;
  }
}

/** @returns this machine's address on it */
async function makeBridge(name: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const net = `10.${randomInt(150, 200)}.${randomInt(256)}`;
    try {
      await mustDocker("network", "create", "--subnet", `${net}.0/29`, "--gateway", `${net}.1`, name);
      return `${net}.1`;
    } catch (error) {
      if (!/overlap/i.test(String(error)) || attempt === 20) throw error;
    }
  }
}
