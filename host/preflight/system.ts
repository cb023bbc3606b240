import { readFile } from "node:fs/promises";
import { oldestGlibc } from "../../schema/bundle.js";
import { runProcess } from "../../system/process.js";
import { compareVersions } from "../../system/versions.js";
import { fail, pass, warn, type Check } from "./check.js";

/** Operating system and kind of processor: a bundle runs on nothing else. */
export const platform: Check<{ os: string; arch: string }> = {
  name: "operating system",
  probe: async () => ({ os: process.platform, arch: process.arch }),
  judge: ({ os, arch }) =>
    os === "linux" && (arch === "x64" || arch === "arm64")
      ? pass(`${os} ${arch}`)
      : fail(`${os} ${arch}`, "choose a Linux machine with an x64 or arm64 processor."),
};

/** The C library that Node was built for. */
export const glibc: Check<string | undefined> = {
  name: "glibc",
  probe: async () => {
    const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
    return header?.glibcVersionRuntime;
  },
  judge: (version) => {
    const fix = `choose a distribution with glibc ${oldestGlibc} or newer: Debian 10, Ubuntu 20.04, RHEL 8 and later.`;
    if (version === undefined) return fail("no glibc", fix);
    return compareVersions(version, oldestGlibc) >= 0 ? pass(version) : fail(version, fix);
  },
};

/** The oldest systemd that appends a service's output to a file, and the oldest with encrypted credentials (systemd's NEWS, 240 and 250). */
const [oldestSystemd, fullSystemd] = [240, 250];

/** What keeps programs running. */
export const init: Check<{ kind: "systemd" | "supervisor"; version: number | undefined; isRoot: boolean }> = {
  name: "service manager",
  probe: async ({ services, signal }) => ({
    kind: services.kind,
    version: services.kind === "systemd" ? await systemdVersion(signal) : undefined,
    isRoot: process.getuid?.() === 0,
  }),
  judge: ({ kind, version, isRoot }) => {
    if (kind === "supervisor")
      return warn(
        `our own supervisor, since ${isRoot ? "systemd is not PID 1 here" : "only root may use systemd"}: nothing starts the worker after a reboot`,
        isRoot ? "choose a machine that runs systemd, or run pulumi up after each reboot." : "run as root.",
      );
    if (version === undefined) return warn("a systemd that does not tell its version", "systemctl --version");
    if (version < oldestSystemd)
      return fail(
        `systemd ${version}, whose services have no logs of their own`,
        `choose a distribution with systemd ${oldestSystemd} or newer: Debian 10, Ubuntu 20.04, RHEL 9 and later.`,
      );
    return version >= fullSystemd
      ? pass(`systemd ${version}`)
      : warn(
          `systemd ${version}, which has no encrypted credentials: secrets rest in a file that the host's key opens`,
          `for the safer way choose a distribution with systemd ${fullSystemd} or newer.`,
        );
  },
};

async function systemdVersion(signal: AbortSignal): Promise<number | undefined> {
  const { stdout } = await runProcess("systemctl", ["--version"], {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    signal,
  });
  return readSystemdVersion(stdout);
}

/** From `systemd 252 (252.38-1~deb12u1)`. Pure. */
export function readSystemdVersion(text: string): number | undefined {
  const found = /^systemd (\d+)/m.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Open files that a sidecar and an Ollama with many requests may come to need. */
const enoughFiles = { must: 1_024, should: 4_096 } as const;

/** How many files a process may open; Node raises its own limit up to the hard one by itself. */
export const openFiles: Check<number> = {
  name: "open files",
  probe: async () => readOpenFiles(await readFile("/proc/self/limits", "utf8")),
  judge: (limit) => {
    const found = limit === Infinity ? "unlimited" : `at most ${limit}`;
    const fix = "raise the hard limit: echo '* hard nofile 65536' >> /etc/security/limits.conf, then log in anew.";
    if (limit >= enoughFiles.should) return pass(found);
    return limit >= enoughFiles.must ? warn(found, fix) : fail(found, fix);
  },
};

/** The hard limit in the text of /proc/PID/limits (proc(5)). Pure. */
export function readOpenFiles(text: string): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(text)?.[1];
  if (hard === undefined) throw new Error("/proc/self/limits names no limit of open files");
  return hard === "unlimited" ? Infinity : Number(hard);
}
