import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../system/clock.js";
import { runProcess, stopProcess } from "../../../system/process.js";

/** How a machine is reached over SSH. */
export interface SshAccess {
  readonly address: string;
  readonly port: number;
  /** The machine's own key, as in a known_hosts file without the name: `ssh-ed25519 AAAA…`. Another one after a rebuild. */
  readonly hostKey: string;
  /** The private key that every user of the machine lets in. */
  readonly keyFile: string;
  /** The socket of an ssh-agent that holds that key. */
  readonly agentSocket: string;
}

/** Who can log in on a machine. */
export const users = {
  root: "root",
  /** May do everything with sudo, and is not asked for a password. */
  operator: "operator",
  /** May do everything with sudo after the password `Machine.sudoPassword`. */
  careful: "careful",
  /** May not use sudo. */
  guest: "guest",
} as const;

/** A key of a run, and an agent that holds it. */
export interface LoginKey {
  readonly keyFile: string;
  readonly publicKey: string;
  readonly agentSocket: string;
  /** Stops the agent and removes the key. */
  stop(): Promise<void>;
}

/** Makes a key in a folder of its own and starts an agent for it. */
export async function makeLoginKey(): Promise<LoginKey> {
  const folder = await mkdtemp(join(tmpdir(), "fleet-key-"));
  const keyFile = join(folder, "id_ed25519");
  const agentSocket = join(folder, "agent.sock");
  await must("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "lightchain-fleet test", "-f", keyFile]);
  const agent = spawn("ssh-agent", ["-D", "-a", agentSocket], { stdio: "ignore" });
  const stop = async (): Promise<void> => {
    await stopProcess(agent);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const env = { ...(process.env as Record<string, string>), SSH_AUTH_SOCK: agentSocket };
    for (const end = systemClock.now() + 10_000; ; await systemClock.sleep(20)) {
      const { code, stderr } = await runProcess("ssh-add", ["-q", keyFile], { env });
      if (code === 0) break;
      if (systemClock.now() > end) throw new Error(`the agent takes no key: ${stderr}`);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { keyFile, publicKey: (await readFile(`${keyFile}.pub`, "utf8")).trim(), agentSocket, stop };
}

async function must(file: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProcess(file, args);
  if (code !== 0) throw new Error(`${file} ended with ${code}: ${stderr}`);
}
