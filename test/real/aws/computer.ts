import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { systemClock } from "../../../system/clock.js";
import { packageRoot } from "../../../system/package-root.js";
import { computerFlags, containerOf, type Container } from "../machines/container.js";
import { docker, mustDocker } from "../machines/docker-engine.js";
import { ensureImage } from "../machines/image.js";
import { ownedByUs } from "../machines/leftovers.js";
import type { BlockDevice } from "./block-device.js";

/** What a computer of the cloud's is made with. */
export interface ComputerOptions {
  readonly instance: string;
  /** What cloud-init runs, once. */
  readonly userData: Uint8Array;
  /** Where it learns of itself. */
  readonly metadata: string;
  /** Where its programs find AWS. */
  readonly aws: string;
  /** Called when it goes off and was not told to from outside. */
  readonly onPowerOff: () => void;
}

/** A computer of the cloud's: a disk of its own, boots that follow each other, devices that come and go. */
export interface Computer extends Container {
  /** Switches it on. What is on its disk stays there from boot to boot. */
  start(): Promise<void>;
  /** Shuts it down: its services are stopped in order, and have their time for it. Resolves when it is off. */
  shutDown(): Promise<void>;
  /** Waits until process 1 is systemd: before that it takes no command. */
  awake(): Promise<void>;
  /** Makes a device be there under the name that EC2's volumes have, in this boot and later ones. */
  plugIn(volume: string, device: BlockDevice): Promise<void>;
  /** @returns `false` when something on it is still mounted, and nothing was done */
  pullOut(volume: string, how: "whole" | "by force"): Promise<boolean>;
  /** Nothing is left of it. */
  remove(): Promise<void>;
}

/** How long a shutdown may take until it is cut short: a sidecar's stop time and a bit. */
const longestShutdownSeconds = 330;
/** How a container ends whose process 1 asked the kernel for a reboot: by SIGHUP (reboot(2), in a name space of processes). */
const rebooted = 129;

/** Makes one, which is off. */
export async function makeComputer(options: ComputerOptions): Promise<Computer> {
  const image = await ensureImage(
    () => process.stderr.write("◐ making the image of the cloud's machines, about a minute, once\n"),
    "instance",
  );
  const name = `${options.instance}-${randomBytes(3).toString("hex")}`;
  const container = containerOf(name);
  const devices = new Map<string, BlockDevice>();
  /** Resolves when the present run has ended. */
  let running: Promise<void> | undefined;
  let isToldToEnd = false;

  await mustDocker(
    ...["create", "--name", name, "--hostname", name, "--network", "host", ...computerFlags, ...ownedByUs()],
    ...["--device-cgroup-rule", "b 7:* rmw", "--entrypoint", "/usr/local/sbin/instance-boot", image],
  );
  await layOut(name, filesOf(options));

  const start = async (): Promise<void> => {
    isToldToEnd = false;
    await putDevices();
    await mustDocker("start", name);
    running = watch();
  };
  /** A reboot is seen as an end, after which it is switched on again. */
  const watch = async (): Promise<void> => {
    for (;;) {
      const { stdout } = await docker(["wait", name]);
      const goesOn = !isToldToEnd && Number(stdout) === rebooted && (await docker(["start", name])).code === 0;
      if (goesOn) continue;
      running = undefined;
      if (!isToldToEnd) options.onPowerOff();
      return;
    }
  };
  const awake: Computer["awake"] = async () => {
    for (const end = systemClock.now() + 60_000; systemClock.now() < end; await systemClock.sleep(100)) {
      const { stdout } = await container.run(["systemctl", "is-system-running"]);
      if (/^(initializing|starting|running|degraded|maintenance|stopping)/.test(stdout)) return;
    }
    throw new Error(`${name} does not come so far as to run systemd`);
  };
  const list = (): string =>
    [...devices].map(([volume, { minor }]) => `${volume.replace("-", "")} ${minor}\n`).join("");
  const putDevices = (): Promise<void> => layOut(name, [{ path: devicesFile, text: list() }]);
  /** Into a machine that is on, at once; into one that is off, for its next boot. */
  const changeDevices = async (): Promise<void> => {
    if (running === undefined) return putDevices();
    await awake();
    await container.must(["sh", "-c", `cat >${devicesFile} && /usr/local/sbin/instance-devices`], list());
  };
  return {
    ...container,
    start,
    awake,
    shutDown: async () => {
      const ended = running;
      if (ended === undefined) return;
      await awake();
      isToldToEnd = true;
      await mustDocker("stop", "--time", String(longestShutdownSeconds), name);
      await ended;
    },
    plugIn: async (volume, device) => {
      devices.set(volume, device);
      await changeDevices();
    },
    pullOut: async (volume, how) => {
      const device = devices.get(volume);
      if (device === undefined) return true;
      if (how === "whole" && running !== undefined) {
        const mounts = await container.must(["cat", "/proc/1/mountinfo"]);
        if (mounts.includes(` 7:${device.minor} `)) return false;
      }
      devices.delete(volume);
      await changeDevices();
      return true;
    },
    remove: async () => {
      isToldToEnd = true;
      const ended = running;
      await docker(["rm", "--force", "--volumes", name]);
      await ended;
    },
  };
}

interface File {
  readonly path: string;
  readonly text: string | Uint8Array;
  readonly mode?: number;
}

const devicesFile = "/etc/instance-devices";

/** What an instance finds on its disk when it boots for the first time. */
function filesOf({ instance, userData, metadata, aws }: ComputerOptions): (File | { path: string; from: string })[] {
  const endpoints = [`AWS_EC2_METADATA_SERVICE_ENDPOINT=${metadata}`, `AWS_ENDPOINT_URL=${aws}`];
  const seed = "/var/lib/cloud/seed/nocloud";
  return [
    { path: "/usr/local/sbin/instance-boot", from: "instance-boot.sh" },
    { path: "/usr/local/sbin/instance-devices", from: "instance-devices.sh" },
    { path: "/usr/local/sbin/amazon-ssm-agent", from: "instance-agent.sh" },
    { path: "/etc/systemd/system/amazon-ssm-agent.service", text: agentUnit },
    {
      path: "/etc/systemd/system.conf.d/metadata.conf",
      text: `[Manager]\nDefaultEnvironment=${endpoints.join(" ")}\n`,
    },
    { path: "/etc/environment", text: `${endpoints.join("\n")}\n` },
    { path: "/etc/cloud/cloud.cfg.d/99-instance.cfg", text: cloudConfig },
    { path: `${seed}/meta-data`, text: `instance-id: ${instance}\n` },
    { path: `${seed}/user-data`, text: userData, mode: 0o600 },
  ];
}

const agentUnit = `[Unit]
After=network.target

[Service]
ExecStart=/usr/local/sbin/amazon-ssm-agent
KillMode=process
Restart=always

[Install]
WantedBy=multi-user.target
`;

/** Cloud-init does what it is told by user data, and leaves alone what is not this machine's: the network, disks, keys and users. */
const cloudConfig = `datasource_list: [NoCloud]
network: {config: disabled}
preserve_hostname: true
users: []
cloud_init_modules: [bootcmd, write-files]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-per-once, scripts-per-boot, scripts-per-instance, scripts-user, final-message]
`;

/** Puts files into a container that need not run. */
async function layOut(name: string, files: readonly (File | { path: string; from: string })[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "lf-instance-"));
  const root = join(folder, "root"); // its mode becomes that of the container's own root
  try {
    for (const file of files) {
      const path = join(root, file.path);
      await mkdir(dirname(path), { recursive: true, mode: 0o755 });
      const isScript = "from" in file;
      await writeFile(path, isScript ? await readFile(join(packageRoot(), "test/real/aws", file.from)) : file.text);
      await chmod(path, isScript ? 0o755 : (file.mode ?? 0o644));
    }
    const masked = join(root, "etc/systemd/system/networking.service"); // the network is this computer's
    await mkdir(dirname(masked), { recursive: true });
    await symlink("/dev/null", masked);
    await mustDocker("cp", `${root}/.`, `${name}:/`);
  } finally {
    await rm(folder, { recursive: true });
  }
}
