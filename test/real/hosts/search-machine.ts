import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { scanForSecrets } from "../../../scripts/rehearsal/scan.js";
import { runProcess } from "../../../system/process.js";
import type { Container } from "../machines/container.js";
import { dockerAddress, mustDocker } from "../machines/docker-engine.js";

import type { Searched } from "./searched.js";

/** A machine of the tests', of whichever kind. */
type Searchable = Pick<Container, "name" | "must">;

/** What of a machine is looked through: a name for it, and the command there whose output it is. */
const parts: Readonly<Record<string, string>> = {
  journal: "journalctl --all --output=export --no-pager",
  units: "systemctl show --all '*'",
  arguments: "cat /proc/[0-9]*/cmdline 2>/dev/null; :",
  environments: "cat /proc/[0-9]*/environ 2>/dev/null; :",
};

/** Not looked through: the kernel's own, what the distribution brought, and the folder in which systemd opens a credential to its service alone. */
const leftOut = ["proc", "sys", "dev", "usr", "run/credentials"];
/** And of that, what a person has put there. */
const nonetheless = "usr/local";

/** A machine as a place that is searched: files in memory and on disk, journal, units as systemd holds them, arguments and environments of its processes. */
export const wholeMachine = (machine: Searchable): Searched => ({
  search: async (needles) => {
    const folder = await mkdtemp(join(tmpdir(), "machine-search-"));
    try {
      const told = join(folder, "told");
      await mkdir(told);
      await Promise.all(Object.entries(parts).map(([name, command]) => into(join(told, name), machine, command)));
      const disk = (await diskOf(machine)) ?? (await copyOfDisk(machine, join(folder, "disk")));
      const below = (path: string): string => join(disk, path);
      return await scanForSecrets([told, disk, below(nonetheless)], needles, leftOut.map(below));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  plant: async (text) => {
    await machine.must(["sh", "-ec", plant], text);
    return {
      in: [...planted, ...Object.keys(parts).map((name) => `/${name}`)],
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

/** Where this computer's kernel shows a machine's files; `undefined` where it does not: only root may look, and an engine may count its processes differently. */
async function diskOf({ name }: Searchable): Promise<string | undefined> {
  const disk = `/proc/${await mustDocker("container", "inspect", "--format", "{{.State.Pid}}", name)}/root`;
  const hostName = await readFile(join(disk, "etc/hostname"), "utf8").catch(() => "");
  return hostName.trim() === name ? disk : undefined;
}

/** Copies a machine's files to a folder here. `tar` ends with 1 where something changed while it read. */
async function copyOfDisk({ name }: Searchable, folder: string): Promise<string> {
  await mkdir(folder);
  const exclude = leftOut.map((path) => `--exclude=./${path}`).join(" ");
  const files = `tar -c -C / ${exclude} . ${nonetheless} || [ $? = 1 ]`;
  const copy = 'docker exec "$1" sh -c "$2" | tar -x -C "$3" --no-same-owner';
  await must("bash", ["-o", "pipefail", "-c", copy, "bash", name, files, folder]);
  await must("chmod", ["-R", "u+rwX", folder]); // what cannot be opened would be passed over
  return folder;
}

/** Writes what a command prints there to a file here, byte for byte. */
const into = (file: string, { name }: Searchable, command: string): Promise<void> =>
  must("sh", ["-c", 'exec docker exec "$1" sh -c "$2" > "$3"', "sh", name, command, file]);

async function must(file: string, args: readonly string[]): Promise<void> {
  const env = { ...(process.env as Record<string, string>), DOCKER_HOST: dockerAddress() };
  const { code, stderr } = await runProcess(file, args, { env });
  if (code !== 0) throw new Error(`${file} ${args.join(" ")} ended with ${code}: ${stderr}`);
}
