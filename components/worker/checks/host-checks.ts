import { access, constants, mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { FleetError } from "../../../schema/errors.js";
import { isPortTaken } from "../../../system/net.js";
import { runProcess } from "../../../system/process.js";
import { HostFolderUnwritable } from "../../host/local/transport.js";
import type { ResolvedHost } from "../resolve-host.js";
import { awsChecks } from "./aws-checks.js";
import type { Check } from "./check.js";
import { dockerChecks } from "./docker-checks.js";
import { sshChecks } from "./ssh-checks.js";
import { ssmChecks } from "./ssm-checks.js";

/** LF1560: there is no program where `ollama` was said to be. */
export class OllamaMissing extends FleetError {
  constructor(path: string, cause: unknown) {
    super("LF1560", `There is no Ollama at ${path}.`, {
      fix: "install it (https://ollama.com/download) or set its path in the config.",
      cause,
    });
  }
}
/** LF1561: Ollama is older than what models and sidecar need. */
export class OllamaTooOld extends FleetError {
  constructor(path: string, version: string) {
    super("LF1561", `Ollama at ${path} is version ${version}; ${oldest.join(".")} or newer is needed.`, {
      fix: "install a newer one (https://ollama.com/download).",
    });
  }
}
/** LF1562: somebody else listens where our Ollama is to answer. */
export class PortTaken extends FleetError {
  constructor(port: number) {
    super("LF1562", `Port ${port} on 127.0.0.1 is taken by another program.`, {
      fix: "set host.ollamaPort to a free port.",
    });
  }
}

const oldest = [0, 11, 0] as const;

/** A check of one kind of host. */
interface HostCheck<H> {
  readonly name: string;
  readonly run: (host: H) => Promise<string | undefined>;
}

/** What this machine must have before anything is staked, when it is the worker's host. */
const localChecks: readonly HostCheck<LocalHostChoice>[] = [
  {
    name: "Ollama",
    run: async ({ ollama: path }) => {
      if (typeof path !== "string") return undefined; // brought there by the reconciler
      const answer = await runProcess(path, ["--version"], {
        env: { PATH: "/usr/bin:/bin", HOME: "/nonexistent" },
      }).catch((error: unknown) => {
        throw new OllamaMissing(path, error);
      });
      const version = /(\d+)\.(\d+)\.(\d+)/.exec(`${answer.stdout}${answer.stderr}`);
      if (!version) throw new OllamaMissing(path, undefined);
      const found = version.slice(1, 4).map(Number);
      const difference = oldest.map((part, index) => (found[index] ?? 0) - part).find((part) => part !== 0) ?? 0;
      if (difference < 0) throw new OllamaTooOld(path, version[0]);
      return undefined;
    },
  },
  {
    name: "host's folder",
    run: async ({ root }) => {
      try {
        let existing = root;
        while (!(await isThere(existing))) existing = dirname(existing);
        if (!(await stat(existing)).isDirectory()) throw new Error(`${existing} is no folder`);
        await access(existing, constants.W_OK);
        if (existing === root) await mkdir(root, { recursive: true });
      } catch (error) {
        throw new HostFolderUnwritable(root, error);
      }
      return undefined;
    },
  },
  {
    name: "Ollama's port",
    run: async ({ root, ollamaPort: port }) => {
      const ours = await isThere(`${root}/document.json`); // then it is our own Ollama that listens
      if (!ours && (await isPortTaken(port))) throw new PortTaken(port);
      return undefined;
    },
  },
];

type LocalHostChoice = Exclude<ResolvedHost, { connection: unknown } | { ssm: unknown } | { docker: unknown }>;
const isLocal = (host: ResolvedHost): host is LocalHostChoice =>
  !("connection" in host) && !("ssm" in host) && !("aws" in host) && !("docker" in host);

/** What must hold of the worker's host, asked of the right machine. */
export const hostChecks: readonly Check[] = [
  ...localChecks.map((check): Check => ({
    name: check.name,
    run: async ({ host }) => (isLocal(host) ? check.run(host) : undefined),
  })),
  ...sshChecks,
  ...ssmChecks,
  ...dockerChecks,
  ...awsChecks,
];

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
