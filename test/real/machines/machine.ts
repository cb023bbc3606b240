import { randomBytes } from "node:crypto";
import { freePort } from "../../../system/net.js";
import { computerFlags, containerOf, type Container } from "./container.js";
import { docker, mustDocker, noDocker } from "./docker-engine.js";
import { ensureImage, noImage } from "./image.js";
import { ownedByUs } from "./leftovers.js";
import { cutRules, makeBridge, reachRules, type Bridge } from "./network.js";
import { makeLoginKey, users, type LoginKey, type SshAccess } from "./ssh-access.js";

/** What kind of machine is wanted. */
export interface MachineOptions {
  /**
   * `host`: it shares this computer's network, sshd listens on a free loopback port, and what listens on our 127.0.0.1 is there for it.
   * `bridge`: a network of its own, which can be cut; sshd is at port 22 of its address, which only this computer reaches.
   */
  readonly network: "host" | "bridge";
  /** Loopback ports of this computer that a machine on a bridge finds at its own 127.0.0.1. More may be opened later. */
  readonly reach?: readonly number[];
}

/** A computer of its own as far as a worker can tell: systemd as process 1, sshd, users, disk. */
export interface Machine extends Pick<Container, "name" | "run" | "must" | "bootId"> {
  /** How it is reached now; read it again after a {@link rebuild}. */
  readonly ssh: SshAccess;
  /** What the user `careful` is asked by sudo. */
  readonly sudoPassword: string;
  /** `systemctl reboot`. Resolves when it is up again. */
  reboot(): Promise<void>;
  /** As if the power failed: everything dies at once, and the machine boots again. */
  powerCycle(): Promise<void>;
  /** Waits for a boot after the one with this id, for whoever asked for it in another way. */
  bootedAfter(bootId: string): Promise<void>;
  /** Opens a further loopback port of ours to a machine on a bridge. */
  reach(port: number): Promise<void>;
  /** Cuts a machine on a bridge off, like a pulled cable. @returns what plugs it in again */
  cutNetwork(): Promise<() => Promise<void>>;
  /** A new machine at the same address and port, with the same users and login key; disk and host key are new. */
  rebuild(): Promise<void>;
  stop(): Promise<void>;
}

/** Why there are no machines here; `undefined` when there are. */
export const noMachines = (): string | undefined => noDocker() ?? noImage();

/** Boots a machine. */
export async function startMachine(options: MachineOptions): Promise<Machine> {
  const image = await ensureImage();
  const name = `machine-${randomBytes(5).toString("hex")}`;
  const sudoPassword = randomBytes(9).toString("base64url");
  const key = await makeLoginKey();
  const bridge = options.network === "bridge" ? await makeBridge(name).catch(stopped(key)) : undefined;
  const at = bridge ? { address: bridge.address, port: 22 } : { address: "127.0.0.1", port: await freePort() };
  const reached: number[] = [];
  let hostKey = "";

  const container = containerOf(name);

  const boot = async (): Promise<void> => {
    await mustDocker("run", "--detach", "--name", name, "--hostname", name, ...flags(bridge), ...ownedByUs(), image);
    await running();
    hostKey = await container.must(
      ["bash", "-c", provision],
      `${at.address} ${at.port}\n${sudoPassword}\n${key.publicKey}\n`,
    );
    await applyReach();
  };
  /** @throws Error with what failed, when it comes up degraded or not at all */
  const running = async (): Promise<void> => {
    if ((await container.settled()) === "degraded")
      throw new Error(`${name} is degraded: ${await container.must(["systemctl", "--failed"])}`);
  };
  const applyReach = async (): Promise<void> => {
    if (!bridge || reached.length === 0) return;
    const rules = reachRules(bridge.gateway, reached);
    await container.must(["sh", "-c", "cat > /etc/fleet-reach.nft && nft -f /etc/fleet-reach.nft"], rules);
  };
  const reach: Machine["reach"] = async (port) => {
    if (!bridge) throw new Error("a machine on the host's network reaches every port");
    await bridge.open(port);
    reached.push(port);
    await applyReach();
  };
  const bootedAfter: Machine["bootedAfter"] = async (before) => {
    await container.anotherBoot(before);
    await running();
  };
  const stop = async (): Promise<void> => {
    await docker(["rm", "--force", "--volumes", name]);
    await bridge?.remove();
    await key.stop();
  };

  try {
    for (const port of options.reach ?? []) {
      await bridge?.open(port);
      reached.push(port);
    }
    await boot();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ...container,
    sudoPassword,
    get ssh() {
      return { ...at, hostKey, keyFile: key.keyFile, agentSocket: key.agentSocket };
    },
    bootedAfter,
    reach,
    stop,
    reboot: async () => {
      const before = await container.bootId();
      await container.run(["systemctl", "reboot"]); // ends with whatever the shutdown does to it
      await bootedAfter(before);
    },
    powerCycle: async () => {
      const before = await container.bootId();
      await mustDocker("kill", name);
      await mustDocker("start", name);
      await bootedAfter(before);
    },
    cutNetwork: async () => {
      if (!bridge) throw new Error("only a machine on a bridge has a network that can be cut");
      await container.must(["nft", "-f", "-"], cutRules);
      return async () => {
        await container.must(["nft", "delete", "table", "inet", "fleet_cut"]);
      };
    },
    rebuild: async () => {
      await mustDocker("rm", "--force", "--volumes", name);
      await boot();
    },
  };
}

const flags = (bridge: Bridge | undefined): string[] => [
  ...(bridge ? bridge.flags : ["--network", "host"]),
  ...computerFlags,
  ...["--restart", "unless-stopped"], // a container cannot start itself again: this is the other half of a reboot
];

/** What was started before is stopped when the next thing fails. */
const stopped =
  (key: LoginKey) =>
  async (error: unknown): Promise<never> => {
    await key.stop();
    throw error;
  };

/** Its users' keys and passwords, its own key, its sshd. Prints the public half of its key. */
const provision = `set -e
read -r address port; read -r password; read -r key
echo "${users.careful}:$password" | chpasswd
for user in ${Object.values(users).join(" ")}; do
  home=$(getent passwd "$user" | cut -d: -f6)
  install -d -m 700 -o "$user" -g "$user" "$home/.ssh"
  echo "$key" | install -m 600 -o "$user" -g "$user" /dev/stdin "$home/.ssh/authorized_keys"
done
ssh-keygen -q -t ed25519 -N "" -C "" -f /etc/ssh/ssh_host_ed25519_key
printf 'ListenAddress %s\\nPort %s\\n' "$address" "$port" > /etc/ssh/sshd_config.d/20-here.conf
systemctl enable --quiet --now ssh
cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub`;
