import { readFile } from "node:fs/promises";
import { openHost, type Host } from "../../../components/host/host.js";
import { ask } from "../../../components/service/status.js";
import { runningIn } from "../../../devnet/background.js";
import type { Consumer } from "../../../devnet/consumer/consumer.js";
import { serviceName } from "../../../host/services/systemd-manager.js";
import type { SidecarStatus } from "../../../schema/control.js";
import { prepareStage, type Stage } from "../../../scripts/rehearsal/stage.js";
import { freePort } from "../../../system/net.js";
import { installCommandPlugin } from "../../plugins/install.js";
import { openGround, type Ground } from "../e2e/killed/ground.js";
import { until } from "../e2e/adversity/troubles.js";
import { consumerOf, openRehearsal } from "../e2e/rehearsal.js";
import { startMachine, type Machine, type MachineOptions } from "../machines/machine.js";
import { users } from "../machines/ssh-access.js";
import type { Asking } from "./job-in-flight.js";
import { wholeMachine } from "./search-machine.js";
import type { Searched } from "./searched.js";
import type { ServedByStack } from "./served-troubles.js";

type Config = Readonly<Record<string, unknown>>;

/** A rehearsal network, a computer that is reached by SSH, and the stack of a worker that lives on it. */
export interface SshGround {
  /** The stack with its usual settings, and what the chain shows of its worker. */
  readonly ground: Ground;
  readonly machine: Machine;
  readonly consumer: Consumer;
  /** The machine as the worker's host. */
  readonly host: Host;
  /** The worker, once it serves. */
  readonly served: ServedByStack;
  /** The machine as a place where keys are looked for. */
  readonly searched: Searched;
  /** What the engine has said to a person, a line each. */
  readonly said: string[];
  /** The usual settings. */
  readonly config: Config & { readonly ssh: Config; readonly ollamaPort: number };
  /** Names of the worker's unit and Ollama's. */
  readonly units: Readonly<Record<"worker" | "ollama", string>>;
  /** The program with these settings beside the usual ones, from now on. */
  program(config?: Config): Promise<Stage>;
  /** Models of the network, as a program names them. */
  models(...names: readonly string[]): Promise<{ name: string; source: string; insecure: boolean }[]>;
  /** Whom a job of this model is asked of, and by whom. */
  asking(model: string): Promise<Asking>;
  /** How many transactions the treasury has sent, and the worker. */
  sent(): Promise<number>;
  /** What the sidecar says of itself. */
  status(): Promise<SidecarStatus>;
  /** Waits until the worker serves. */
  live(): Promise<void>;
  /** What systemd says of a unit's state: `active`, `deactivating`, … */
  stateOf(unit: "worker" | "ollama"): Promise<string>;
  pidOf(unit: "worker" | "ollama"): Promise<number>;
  /** Kills the main process of a unit, and waits until systemd has started another one. */
  kill(unit: "worker" | "ollama"): Promise<void>;
  end(): Promise<void>;
}

export interface SshGroundOptions extends Pick<MachineOptions, "network"> {
  /** Where everything of ours is to lie on the machine. */
  readonly root?: string;
  /** Further settings, or other ones. */
  readonly config?: (machine: Machine) => Config;
  /** Endpoints that a machine on a bridge does not reach until they are opened to it. */
  readonly closed?: readonly string[];
}

/** Opens it. Nothing of the worker's is made yet. */
export async function openSshGround(options: SshGroundOptions): Promise<SshGround> {
  const rehearsal = await openRehearsal();
  const closers: (() => Promise<unknown>)[] = [() => rehearsal.end()];
  const end = async (): Promise<void> => {
    for (const close of closers.reverse()) await close();
  };
  try {
    const { folders, tools, network } = rehearsal;
    const said: string[] = [];
    const say = (line: string): void => {
      said.push(line);
      if (process.env["LIGHTCHAIN_TEST_VERBOSE"] !== undefined) process.stderr.write(`${line}\n`); // for whoever wants to see it
    };
    await installCommandPlugin(folders.pulumiHome, tools.node);
    const { models: known = [], control = "" } = (await runningIn(folders.network)) ?? {};
    const text = await readFile(network.networkFile, "utf8");
    const closed = options.closed ?? [];
    const ports = [text, JSON.stringify(known)].flatMap((part) =>
      [...part.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port)),
    );
    const reach = [...new Set(ports)].filter((port) => !closed.some((name) => portOf(text, name) === port));
    const machine = await startMachine({ network: options.network, ...(options.network === "bridge" && { reach }) });
    closers.push(() => machine.stop());
    const install = ["sh", "-c", "cat > /usr/local/bin/ollama && chmod 755 /usr/local/bin/ollama"];
    await machine.must(install, await readFile(tools.ollama));

    const root = options.root ?? "/var/lib/lightchain-fleet";
    const { address, port, hostKey, keyFile, agentSocket } = machine.ssh;
    const server = { address, port, user: users.operator, hostKey };
    const config = {
      kind: "host",
      ssh: { ...server, identity: { agent: agentSocket }, sudo: "passwordless" },
      hostRoot: root,
      ...{ ollama: "/usr/local/bin/ollama", ollamaPort: await freePort(), gpu: "none" },
      tuning: { services: { lifecycleProbeMs: 500 } },
      ...options.config?.(machine),
    };
    const ground = await openGround(rehearsal, "home", config, say);
    closers.push(() => ground.end());
    const host = openHost({
      ...{ kind: "ssh", name: "home-host", root, server, bastion: null, identity: { keyFile }, sudo: "passwordless" },
    });
    const units = { worker: serviceName(root, "worker-home"), ollama: serviceName(root, "ollama") };
    const show = (what: string, unit: keyof typeof units): Promise<string> =>
      machine.must(["systemctl", "show", "-P", what, units[unit]]);
    const status = (): Promise<SidecarStatus> => ask(host, "home", { op: "status" });
    const pidOf = async (unit: keyof typeof units): Promise<number> => Number(await show("MainPID", unit));
    const sent = async (): Promise<number> => {
      const { client, operator, workerRef } = ground.stage;
      const { record } = await operator.store.read(operator.treasury, "treasury");
      const byWorker = (await operator.store.has(workerRef)) ? (await ground.count()).sent.length : 0;
      return (await client.getTransactionCount({ address: record.address })) + byWorker;
    };
    const consumer = await consumerOf(ground.stage.network, network.accountsFile);
    const asking = async (model: string): Promise<Asking> => ({
      ...{ consumer, stage: ground.stage, model, worker: await ground.address(), control },
    });
    const live = (): Promise<void> =>
      until("it serves", () => status().then(({ mode, claiming }) => mode === "live" && claiming, no), 120);
    const served: ServedByStack = { ground, status, live, asking: () => asking(ground.stage.model) };
    return {
      ...{ served, searched: wholeMachine(machine), said, asking, live },
      ...{ consumer, ground, machine, host, config, units, sent, status, pidOf, end },
      program: (more = {}) => prepareStage(folders, tools, network, say, { ...config, ...more }),
      models: async (...names) =>
        names.map((name) => {
          const model = known.find((one) => one.name === name);
          if (model === undefined) throw new Error(`the rehearsal network has no model ${name}`);
          return { name, source: model.pull, insecure: true };
        }),
      stateOf: (unit) => show("ActiveState", unit),
      kill: async (unit) => {
        const killed = await pidOf(unit);
        if (killed === 0) throw new Error(`${units[unit]} does not run`);
        await machine.must(["kill", "-KILL", String(killed)]);
        const isAnother = async (): Promise<boolean> => ![0, killed].includes(await pidOf(unit));
        await until(`another process of ${unit}`, isAnother, 120);
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

const no = (): boolean => false;

/** The port of one of the network's endpoints. */
export const portOf = (networkText: string, endpoint: string): number => {
  const { endpoints } = JSON.parse(networkText) as { endpoints: Record<string, string> };
  return Number(new URL(endpoints[endpoint] ?? "").port);
};
