import { randomInt } from "node:crypto";
import { makeRelay } from "../relay.js";
import { docker, mustDocker } from "./docker-engine.js";
import { ownedByUs } from "./leftovers.js";

/** A network of a machine's own: this computer at one end, the machine at the other. */
export interface Bridge {
  /** The flags that put a container on it. */
  readonly flags: readonly string[];
  /** The machine's address, the same after a reboot and a rebuild. */
  readonly address: string;
  /** This computer, as the machine sees it. */
  readonly gateway: string;
  /** Lets the machine reach this loopback port of ours; {@link reachRules} gives it the same number there. */
  open(port: number): Promise<void>;
  remove(): Promise<void>;
}

const attempts = 20;

/** Makes one. Its subnet is chosen here, since Docker keeps an address over restarts only in a network whose subnet was chosen. */
export async function makeBridge(name: string): Promise<Bridge> {
  const net = await makeNetwork(name);
  const gateway = `${net}.1`;
  const address = `${net}.2`;
  const relay = makeRelay();
  return {
    // Packets to a loopback address are routed away only where this says so: see reachRules.
    flags: ["--network", name, "--ip", address, "--sysctl", "net.ipv4.conf.all.route_localnet=1"],
    address,
    gateway,
    open: (port) => relay.open(gateway, port),
    remove: async () => {
      relay.close();
      await mustDocker("network", "rm", name);
    },
  };
}

/** @returns the first three numbers of its subnet */
async function makeNetwork(name: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const net = `10.${randomInt(200, 250)}.${randomInt(256)}`;
    const flags = ["--subnet", `${net}.0/29`, "--gateway", `${net}.1`, ...ownedByUs()];
    const { code, stderr } = await docker(["network", "create", ...flags, name]);
    if (code === 0) return net;
    if (!/overlap/i.test(stderr) || attempt === attempts) throw new Error(`no network for a machine: ${stderr}`);
  }
}

/** An nftables file for a machine on a bridge: the opened ports are at its own 127.0.0.1, as they are at ours. */
export const reachRules = (gateway: string, ports: readonly number[]): string =>
  `table ip fleet_reach
delete table ip fleet_reach
table ip fleet_reach {
  chain out { type nat hook output priority -100; ip daddr 127.0.0.1 tcp dport { ${ports.join(", ")} } dnat to ${gateway}; }
  chain away { type nat hook postrouting priority srcnat; ip saddr 127.0.0.1 ip daddr ${gateway} masquerade; }
}
`;

/** Nothing comes or goes but on loopback: as a pulled cable, nobody is told. */
export const cutRules = `table inet fleet_cut
delete table inet fleet_cut
table inet fleet_cut {
  chain in { type filter hook prerouting priority -400; iifname != "lo" drop; }
  chain out { type filter hook postrouting priority 400; oifname != "lo" drop; }
}
`;
