import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { scanForSecrets } from "../../../scripts/rehearsal/scan.js";
import { runProcess } from "../../../system/process.js";
import { dockerAddress } from "../machines/docker-engine.js";
import type { Machine } from "../machines/machine.js";
import type { Searched } from "./searched.js";

/** What of a machine is looked through: a name for it, and the command there whose output it is. */
const parts: Readonly<Record<string, string>> = {
  journal: "journalctl --all --output=export --no-pager",
  units: "systemctl show --all '*'",
  arguments: "cat /proc/[0-9]*/cmdline 2>/dev/null; :",
  environments: "cat /proc/[0-9]*/environ 2>/dev/null; :",
};

/** Not looked through: the kernel's own, what the distribution brought, and the folder in which systemd opens a credential to its service alone. */
const leftOut = ["./proc", "./sys", "./dev", "./usr", "./run/credentials"];
/** Every other file of a machine's, in memory or on disk. `tar` ends with 1 where something changed while it read. */
const files = `tar -c -C / ${leftOut.map((path) => `--exclude=${path}`).join(" ")} . usr/local || [ $? = 1 ]`;

/** A machine as a place that is searched: files, journal, units as systemd holds them, arguments and environments of its processes. */
export const wholeMachine = (machine: Machine): Searched => ({
  search: async (needles) => {
    const folder = await mkdtemp(join(tmpdir(), "machine-search-"));
    try {
      for (const [name, command] of Object.entries(parts)) await into(join(folder, name), machine, command);
      await copyOfDisk(join(folder, "disk"), machine);
      return await scanForSecrets([folder], needles);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  plant: async (text) => {
    await machine.must(["sh", "-ec", plant], text);
    return {
      in: [...planted.map((file) => `disk${file}`), ...Object.keys(parts).map((name) => `/${name}`)],
      remove: async () => {
        await machine.must(["sh", "-ec", uproot]);
      },
    };
  },
});

const service = "/etc/systemd/system/planted.service";
const planted = ["/var/lib/planted", "/run/planted", "/usr/local/planted", service];

const plant = `read -r key || [ -n "$key" ]
for file in ${planted.join(" ")}; do printf %s "$key" > "$file"; done
printf '[Service]\\nEnvironment=KEY=%s\\nExecStart=/bin/sleep 600\\n' "$key" > ${service}
systemctl daemon-reload
systemctl start planted
systemd-run --quiet --unit=planted-too sh -c 'sleep 600; :' "$key"
printf '%s\\n' "$key" | systemd-cat -t planted
journalctl --sync`;

const uproot = `systemctl stop planted planted-too
rm ${planted.join(" ")}
systemctl daemon-reload`;

/** Copies a machine's files to a folder here. */
async function copyOfDisk(folder: string, { name }: Machine): Promise<void> {
  await mkdir(folder);
  const copy = 'docker exec "$1" sh -c "$2" | tar -x -C "$3" --no-same-owner';
  await must("bash", ["-o", "pipefail", "-c", copy, "bash", name, files, folder]);
  await must("chmod", ["-R", "u+rwX", folder]); // what cannot be opened would be passed over
}

/** Writes what a command prints there to a file here, byte for byte. */
const into = (file: string, { name }: Machine, command: string): Promise<void> =>
  must("sh", ["-c", 'exec docker exec "$1" sh -c "$2" > "$3"', "sh", name, command, file]);

async function must(file: string, args: readonly string[]): Promise<void> {
  const env = { ...(process.env as Record<string, string>), DOCKER_HOST: dockerAddress() };
  const { code, stderr } = await runProcess(file, args, { env });
  if (code !== 0) throw new Error(`${file} ${args.join(" ")} ended with ${code}: ${stderr}`);
}
