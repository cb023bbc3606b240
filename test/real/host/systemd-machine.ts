import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive, runProcess, startProcess, stopProcess, type ProcessResult } from "../../../system/process.js";
import { until } from "./world.js";

const systemd = "/usr/lib/systemd/systemd";

/** Why a systemd of our own cannot be started here, or `undefined` when it can. */
export function whyNoSystemd(): string | undefined {
  if (process.getuid?.() !== 0) return "only root may make the namespaces";
  if (!existsSync(systemd)) return "systemd is not installed";
  if (existsSync("/run/systemd/system")) return "systemd rules this machine already, and is left alone";
  return undefined;
}

/**
 * A real systemd as process 1 of namespaces of its own. It shares files and loopback with us, but for /run, for /etc, of which it has a copy (its users are its own), and
 * for /var/lib/systemd with the key of its credentials.
 */
export interface SystemdMachine {
  /** Runs a program there, as root. */
  run(file: string, args: readonly string[], input?: string): Promise<ProcessResult>;
  systemctl(...args: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

/** Boots it, with no unit but the targets that services refer to. */
export async function startSystemd(): Promise<SystemdMachine> {
  const folder = await mkdtemp(join(tmpdir(), "fleet-systemd-"));
  const units = join(folder, "units");
  await mkdir(units);
  for (const name of ["sysinit", "basic", "multi-user", "network-online", "shutdown"])
    await writeFile(join(units, `${name}.target`), `[Unit]\nDescription=${name}\nDefaultDependencies=no\n`);
  const cgroup = join(await cgroup2Mount(), `fleet-test-${process.pid}`);
  await mkdir(cgroup);
  const library = join(folder, "library");
  await mkdir(library);
  const boot = join(folder, "boot.sh");
  await writeFile(boot, bootScript(units, library));
  const child = startProcess(
    "/bin/sh",
    ["-c", `echo $$ > ${cgroup}/cgroup.procs && exec unshare -m -p -f -C -u -i --kill-child /bin/sh ${boot}`],
    { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } },
  );
  const init = async (): Promise<string> =>
    (await readFile(`/proc/${child.pid}/task/${child.pid}/children`, "utf8")).trim();
  const run: SystemdMachine["run"] = async (file, args, input = "") =>
    runProcess("nsenter", ["-t", await init(), "-m", "-p", "-u", "-i", "-C", file, ...args], { input });
  const stop = async (): Promise<void> => {
    const one = Number(await init());
    child.kill("SIGKILL"); // --kill-child: process 1 goes with it, and everything of its with that
    await stopProcess(child);
    await until(async () => !isAlive(one), "the end of systemd");
    await until(
      () =>
        removeCgroup(cgroup).then(
          () => true,
          () => false,
        ),
      "the end of its control group",
    );
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await until(async () => (await run("systemctl", ["is-system-running"])).stdout.trim() === "running", "systemd");
  } catch (error) {
    await stop();
    throw error;
  }
  const systemctl = async (...args: readonly string[]): Promise<string> => (await run("systemctl", args)).stdout;
  return { run, systemctl, stop };
}

const bootScript = (units: string, library: string): string => `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir /run/no-generators /run/etc
cp -a /etc/. /run/etc/
mount --bind /run/etc /etc
mount --bind ${library} /var/lib/systemd
mount -t cgroup2 none /sys/fs/cgroup
mount -t proc proc /proc
mount -o bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount -t tmpfs tmpfs /etc/systemd/system
mount --make-rshared /
export container=fleet-test SYSTEMD_UNIT_PATH=${units}:/etc/systemd/system SYSTEMD_GENERATOR_PATH=/run/no-generators
exec ${systemd} --system --unit=multi-user.target --log-target=null
`;

async function cgroup2Mount(): Promise<string> {
  const mounts = await readFile("/proc/mounts", "utf8");
  return /^\S+ (\S+) cgroup2 /m.exec(mounts)?.[1] ?? "/sys/fs/cgroup";
}

async function removeCgroup(folder: string): Promise<void> {
  for (const one of await readdir(folder, { withFileTypes: true }))
    if (one.isDirectory()) await removeCgroup(join(folder, one.name));
  await rmdir(folder);
}
