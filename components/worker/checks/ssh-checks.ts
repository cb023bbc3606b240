import { openHost } from "../../host/host.js";
import { connectionTo } from "../../host/ssh/connection.js";
import { learnt } from "../../host/ssh/dial.js";
import { HostUnreachable, nameOf } from "../../host/ssh/errors.js";
import { fingerprint } from "../../host/ssh/host-key.js";
import { learn, type StatedWay } from "../../host/ssh/reference.js";
import type { ResolvedHost } from "../resolve-host.js";
import type { Check } from "./check.js";

/** How long a preview waits for a machine (ms). */
const glanceMs = 5_000;

/**
 * Whether the machine can be reached, is the one it should be, lets us in and lets us be root. One that does not answer is only warned of: it may be booting, and an `up`
 * waits for it before anything is paid. What is wrong about one that answers is an error.
 */
export const sshChecks: readonly Check[] = [
  {
    name: "the way to the host",
    tells: "warning",
    run: async ({ name, host }) => {
      if (!("connection" in host)) return undefined;
      try {
        return isLearning(host.connection) ? await whatWouldBeLearnt(host.connection) : await getIn(name, host);
      } catch (error) {
        if (!(error instanceof HostUnreachable && error.mayPass)) throw error;
        return `${error.message} (pulumi up waits ${Math.round(host.connection.bootMs / 1_000)} s for it)`;
      }
    },
  },
];

type SshHostChoice = Extract<ResolvedHost, { connection: unknown }>;

const isLearning = ({ server, bastion }: StatedWay): boolean => server.hostKey === learn || bastion?.hostKey === learn;

/** At a machine whose key is only to be learnt nobody logs in here: a preview does not know what was learnt before, and whoever answers might ask for the password. */
async function whatWouldBeLearnt(stated: StatedWay): Promise<string> {
  const { bastion } = stated;
  const first = bastion?.hostKey === learn ? { ...stated, server: bastion, bastion: null } : stated;
  const { server } = await learnt(first, undefined, glanceMs);
  return `${nameOf(server)} shows the host key ${fingerprint(server.hostKey)}; hostKey is "learn", so the one of the first contact is held to. Better: pin it (docs/hosts.md)`;
}

async function getIn(name: string, host: SshHostChoice): Promise<undefined> {
  const { server, bastion, identity, sudo } = host.connection; // no key is to be learnt
  const way = { server, bastion, identity, sudo };
  const reference = { kind: "ssh", name: host.host ?? `${name}-host`, root: host.root, ...way } as const;
  const connection = connectionTo(reference);
  try {
    await connection.run({ words: ["true"], waitMs: glanceMs });
    await openHost(reference).present();
    return undefined;
  } finally {
    connection.close(); // or it would keep the program from ending for a while
  }
}
