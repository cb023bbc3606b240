import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHost, type Host } from "../../../components/host/host.js";
import { documentSchema } from "../../../schema/host.js";
import { isAlive } from "../../../system/process.js";
import { systemClock } from "../../../system/clock.js";

/** A host in a folder of its own. */
export interface HostWorld {
  readonly root: string;
  readonly host: Host;
  /** The supervisor's process, by its log. */
  supervisorPid(): Promise<number>;
  /** Takes every section out, as its owner would, so that nothing of it is left running; then removes the folder. */
  end(): Promise<void>;
}

/** Makes an empty host and brings the bundle to it. */
export async function makeHost(bundle: string): Promise<HostWorld> {
  const folder = await mkdtemp(join(tmpdir(), "fleet-host-"));
  const root = join(folder, "host");
  const host = openHost({ kind: "local", name: "here", root });
  await host.put(bundle);
  const supervisorPid = async (): Promise<number> => {
    const log = await readFile(join(root, "supervisor/supervisor.log"), "utf8");
    const lines = log.split("\n").filter((line) => line.includes('"supervising"'));
    return (JSON.parse(lines.at(-1)!) as { pid: number }).pid;
  };
  const end = async (): Promise<void> => {
    await emptyOut(host, root);
    if (existsSync(join(root, "supervisor/supervisor.log"))) {
      const pid = await supervisorPid();
      if (isAlive(pid)) process.kill(pid, "SIGTERM");
      await until(async () => !isAlive(pid), "the supervisor's end");
    }
    await rm(folder, { recursive: true, force: true });
  };
  return { root, host, supervisorPid, end };
}

async function emptyOut(host: Host, root: string): Promise<void> {
  const file = join(root, "document.json");
  if (!existsSync(file)) return;
  const document = documentSchema.parse(JSON.parse(await readFile(file, "utf8")));
  const remove = { desired: null, dryRun: false } as const;
  for (const [worker, { models, service }] of Object.entries(document.workers)) {
    if (service) await host.call("reconcile", { worker, section: "service", ...remove });
    for (const name of Object.keys(models)) await host.call("reconcile", { worker, section: "model", name, ...remove });
  }
  for (const worker of Object.keys(document.runtime))
    await host.call("reconcile", { worker, section: "runtime", ...remove });
}

/** Polls until it is so. @throws Error after 20 s */
export async function until(what: () => Promise<boolean>, why: string): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end; await systemClock.sleep(50)) if (await what()) return;
  throw new Error(`not within 20 s: ${why}`);
}
