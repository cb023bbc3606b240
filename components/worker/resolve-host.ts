import { z } from "zod";
import { awsMachineSchema, type AwsMachine, type ResolvedAwsMachine } from "../host/aws/args.js";
import type { AwsRegion } from "../host/aws/region.js";
import type { DockerHostArgs } from "../host/docker/host.js";
import type { Strangers } from "../host/runtime-args.js";
import { hostKeyLine } from "../host/ssh/host-key.js";
import { noGpusSchema, someGpusSchema } from "../../schema/gpus.js";
import { gpuSchema, pinnedOllamaSchema, type Gpu, type PinnedOllama } from "../../schema/host.js";
import { statedSsmWaySchema, type StatedSsmWay } from "../host/ssm/reference.js";
import { statedWaySchema, type SshIdentity, type StatedWay, type Sudo } from "../host/ssh/reference.js";

/** What is said of any machine. */
interface MachineChoice {
  /** The host's name; secrets are bound to it. Default: the worker's name and `-host`. */
  readonly host?: string;
  /** Path of the `ollama` program on it, or the release that is brought there. */
  readonly ollama: string | PinnedOllama;
  /** Loopback port on it for an Ollama of our own; one that the user runs is never touched. */
  readonly ollamaPort: number;
  /** Tokens of context models are loaded with. Default 0: the model's own. */
  readonly contextLength?: number;
  /** Whether models must run on a GPU. Default `required`: computing on the CPU has to be asked for with `none`. */
  readonly gpu?: Gpu;
  /** The GPUs that its Ollama sees, by their indexes or by their UUIDs (`nvidia-smi -L`). Default: all. */
  readonly gpus?: readonly string[];
  /** Models in our Ollama that no worker names: `keep` reports them, `remove` takes them away. Default `keep`. */
  readonly strangers?: Strangers;
  /** Folder of the worker bundle. Default: the one this package was built with. */
  readonly bundle?: string;
}

/** The machine that Pulumi runs on. */
export interface LocalChoice extends MachineChoice {
  readonly ssh?: never;
  readonly ssm?: never;
  /** Absolute path of the folder that will hold everything of ours. */
  readonly root: string;
}

/** A machine that is reached by SSH. */
export interface SshChoice extends MachineChoice {
  readonly ssm?: never;
  readonly ssh: SshAccess;
  /** Absolute path of the folder that will hold everything of ours on it. Default `/var/lib/lightchain-fleet`. */
  readonly root?: string;
}

/** An EC2 instance that is reached through Systems Manager. */
export interface SsmChoice extends MachineChoice {
  readonly ssh?: never;
  readonly ssm: SsmAccess;
  /** Absolute path of the folder that will hold everything of ours on it. Default `/var/lib/lightchain-fleet`. */
  readonly root?: string;
}

/** How an instance is reached; who may is a matter of the AWS account's own. */
export interface SsmAccess {
  /** For instance `eu-central-1`. */
  readonly region: string;
  /** Its id, or a tag that no other instance has. */
  readonly instance: string | { readonly tag: string; readonly value: string };
  /** Bucket through which the bundle comes, below `lightchain-fleet/bundles`. The instance's role needs no right to it. */
  readonly bucket: string;
  /** How long an instance that is only booting is waited for (ms). Default 600,000. */
  readonly bootMs?: number;
}

/** An EC2 instance that is made for the worker. */
export interface AwsChoice extends Omit<MachineChoice, "ollamaPort"> {
  readonly aws: AwsMachine & {
    /** The region that it is to be in, with what its machines share. */
    readonly in: AwsRegion;
  };
  /** Default 11500: the machine is the worker's alone. */
  readonly ollamaPort?: number;
  /** Absolute path of the folder that will hold everything of ours on it. Default `/var/lib/lightchain-fleet`. */
  readonly root?: string;
  /** How long its first boot is waited for (ms). Default 600,000. */
  readonly bootMs?: number;
}

/** Two containers on a Docker engine. */
export interface DockerChoice {
  readonly docker: Omit<DockerHostArgs, "shutdownMs" | "ready" | "models" | "endpoints">;
}

/** A worker's machine. */
export type HostChoice = LocalChoice | SshChoice | SsmChoice | AwsChoice | DockerChoice;

/** One machine of the way. */
export interface SshEndpoint {
  /** Name or IP address. */
  readonly address: string;
  /** Default 22. */
  readonly port?: number;
  readonly user: string;
  /**
   * The machine's own public key, as `ssh-keyscan` or its `/etc/ssh/ssh_host_ed25519_key.pub` has it. `"learn"`: take the one that is shown at the first contact, and hold
   * the machine to it from then on; whoever answers at that moment is trusted.
   */
  readonly hostKey: string;
}

/** How a machine is reached by SSH. Nothing of it is a secret: what is one is named by its path. */
export interface SshAccess extends SshEndpoint {
  /** A machine to go through, with the same identity. Default: none. */
  readonly bastion?: SshEndpoint;
  /** An agent's socket, or a key file. Default: the agent that `SSH_AUTH_SOCK` names when it is needed. */
  readonly identity?: SshIdentity;
  /** How we become root there. Default `"none"`: the user is root, or owns `root`. */
  readonly sudo?: Sudo;
  /** How long a machine that is only booting is waited for (ms). Default 300,000. */
  readonly bootMs?: number;
}

/** A host with every default filled in. */
export type ResolvedHost =
  | Omit<LocalChoice, "ssh" | "ssm">
  | (Omit<SshChoice, "ssh" | "ssm" | "root"> & { readonly root: string; readonly connection: StatedWay })
  | (Omit<SsmChoice, "ssh" | "ssm" | "root"> & { readonly root: string; readonly ssm: StatedSsmWay })
  | ResolvedAwsHost
  | DockerChoice;

/** The same of one in AWS. */
export interface ResolvedAwsHost extends MachineChoice {
  readonly root: string;
  readonly bootMs: number;
  readonly in: AwsRegion;
  readonly aws: ResolvedAwsMachine & { readonly region: string; readonly account?: string };
}

/** Checks one argument. @throws a coded error that names it */
export type Checker = <T>(argument: string, schema: z.ZodType<T>, value: unknown) => T;

/** Where everything lies on a machine that is ours alone. */
const standardRoot = "/var/lib/lightchain-fleet";
const hostName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/, "is not letters, digits, dots and dashes, at most 63");
const absolute = z.string().regex(/^\/[^\n\r\0]+$/, "is not an absolute path");

/** Fills in a host's defaults and checks the way to it. Pure. */
export function resolveHost(choice: HostChoice, check: Checker): ResolvedHost {
  const name = "docker" in choice ? choice.docker.host : choice.host;
  if (name !== undefined) check("host.host", hostName, name);
  if ("docker" in choice) return choice; // its own resource checks the rest
  const gpu = check("host.gpu", gpuSchema, choice.gpu ?? "required");
  if (choice.gpus !== undefined) check("host.gpus", gpu === "none" ? noGpusSchema : someGpusSchema, choice.gpus);
  if (typeof choice.ollama !== "string") check("host.ollama", pinnedOllamaSchema, choice.ollama);
  if ("aws" in choice) return resolveAws(choice, check);
  if (choice.ssm !== undefined) {
    const { ssm, root, ...machine } = choice;
    const way = check("host.ssm", statedSsmWaySchema, ssm);
    return { ...machine, root: check("host.root", absolute, root ?? standardRoot), ssm: way };
  }
  if (choice.ssh === undefined) return choice;
  const { ssh, root, ...machine } = choice;
  const stated = check("host.ssh", statedWaySchema, check("host.ssh", accessSchema, ssh));
  return { ...machine, root: check("host.root", absolute, root ?? standardRoot), connection: stated };
}

function resolveAws(choice: AwsChoice, check: Checker): ResolvedAwsHost {
  const { aws, root, bootMs, ollamaPort, ...machine } = choice;
  const { in: region, ...stated } = aws;
  const resolved = check("host.aws", awsMachineSchema, stated);
  const strange = resolved.zones?.find((zone) => region.zones !== null && !region.zones.includes(zone));
  check("host.aws.zones", z.undefined(`${strange ?? ""} is none that its region has a subnet in`), strange);
  return {
    ...machine,
    root: check("host.root", absolute, root ?? standardRoot),
    ollamaPort: check("host.ollamaPort", z.number().int().min(1).max(65_535), ollamaPort ?? 11_500),
    bootMs: check("host.bootMs", z.number().int().nonnegative().max(3_600_000), bootMs ?? 600_000),
    in: region,
    aws: {
      ...resolved,
      region: region.region,
      ...(region.account === undefined ? {} : { account: region.account }),
    },
  };
}

/** A key in any of the spellings in which it is found, in its one. */
const anyKey = z.string().transform((text) => hostKeyLine(text) ?? text);
const endpoint = { address: z.string(), port: z.number().default(22), user: z.string(), hostKey: anyKey };
const accessSchema = z
  .strictObject({
    ...endpoint,
    bastion: z.strictObject(endpoint).optional(),
    identity: z.unknown().optional(),
    sudo: z.unknown().optional(),
    bootMs: z.unknown().optional(),
  })
  .transform(({ address, port, user, hostKey, bastion, identity, sudo, bootMs }) => ({
    server: { address, port, user, hostKey },
    bastion: bastion ?? null,
    identity: identity ?? { agent: "$SSH_AUTH_SOCK" },
    ...(sudo === undefined ? {} : { sudo }),
    ...(bootMs === undefined ? {} : { bootMs }),
  }));
