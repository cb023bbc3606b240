import type { Platform } from "./platform.js";

/** The programs that are not npm packages. */
export type ToolName = "pulumi" | "geth" | "ollama";

/** An archive that the tool's makers publish, and the list of SHA-256 sums that is published beside it. */
export interface Release {
  /** Where the archive for a platform is. */
  readonly archive: (platform: Platform) => string;
  /** `sha256sum` lines; the one that names the archive counts. */
  readonly checksums: string;
  /** The program inside the unpacked archive. */
  readonly program: (platform: Platform) => string;
  /** For the progress line. */
  readonly size: string;
}

/** How Go builds it from the module beside this file, whose go.sum verifies every source. */
export interface GoSource {
  /** Folder under `scripts/toolchain/go/`. */
  readonly module: ToolName;
  readonly package: string;
  readonly ldflags: string;
  /** Other programs that the build needs. */
  readonly needs: readonly string[];
  /** For the progress line: a cold build on two cores. */
  readonly takes: string;
}

/** One tool: what it is for and every way to get it. */
export interface Tool {
  readonly name: ToolName;
  readonly version: string;
  /** What a person reads beside the name. */
  readonly purpose: string;
  /** How a binary is asked for its version, and how the answer is read. */
  readonly probe: {
    readonly args: readonly string[];
    readonly pattern: RegExp;
    readonly env: Readonly<Record<string, string>>;
  };
  /** Which version found on PATH will do. */
  readonly fits: VersionRange;
  /** Programs that must lie beside a found one. */
  readonly beside: readonly string[];
  readonly release: Release | null;
  readonly source: GoSource;
}

/** Versions from `atLeast` on, and before `below` when that is given. */
export interface VersionRange {
  readonly atLeast: string;
  readonly below?: string;
}

const exactly = (version: string): VersionRange => {
  const [major = 0, minor = 0, patch = 0] = numbers(version);
  return { atLeast: version, below: `${major}.${minor}.${patch + 1}` };
};

const pulumiVersion = "3.255.0";
const gethVersion = "1.17.0";
const ollamaVersion = "0.11.4";
const goArch = (platform: Platform): string => (platform.endsWith("x64") ? "amd64" : "arm64");

const pulumiReleases = `https://github.com/pulumi/pulumi/releases/download/v${pulumiVersion}`;
const ollamaReleases = `https://github.com/ollama/ollama/releases/download/v${ollamaVersion}`;

/** Every tool, in the order in which they are installed. */
export const tools: Readonly<Record<ToolName, Tool>> = {
  geth: {
    name: "geth",
    version: gethVersion,
    purpose: "the rehearsal network's chain",
    probe: { args: ["version"], pattern: /^Version: (\d+\.\d+\.\d+)/m, env: {} },
    fits: exactly(gethVersion),
    beside: [],
    // geth's archives are named after a commit and signed with PGP alone; without gpg nothing could verify them
    release: null,
    source: {
      module: "geth",
      package: "github.com/ethereum/go-ethereum/cmd/geth",
      ldflags: "-s -w",
      needs: [],
      takes: "about 2 min",
    },
  },
  ollama: {
    name: "ollama",
    version: ollamaVersion,
    purpose: "runs the models",
    // the server's version would be told instead of the program's if one answered: so it is asked where nobody listens
    probe: {
      args: ["--version"],
      pattern: /client version is (\d+\.\d+\.\d+)|ollama version is (\d+\.\d+\.\d+)/,
      env: { OLLAMA_HOST: "127.0.0.1:1" },
    },
    fits: { atLeast: "0.11.0", below: "0.30.0" },
    beside: [],
    release: {
      archive: (platform) =>
        `${ollamaReleases}/${platform.startsWith("darwin") ? "ollama-darwin.tgz" : `ollama-linux-${goArch(platform)}.tgz`}`,
      checksums: `${ollamaReleases}/sha256sum.txt`,
      program: (platform) => (platform.startsWith("darwin") ? "ollama" : "bin/ollama"),
      size: "about 1.5 GB with its GPU libraries",
    },
    source: {
      module: "ollama",
      package: "github.com/ollama/ollama",
      ldflags: `-s -w -X=github.com/ollama/ollama/version.Version=${ollamaVersion}`,
      needs: ["gcc", "g++"],
      takes: "about 5 min",
    },
  },
  pulumi: {
    name: "pulumi",
    version: pulumiVersion,
    purpose: "the engine behind pulumi up and destroy",
    probe: { args: ["version"], pattern: /^v?(\d+\.\d+\.\d+)$/m, env: { PULUMI_SKIP_UPDATE_CHECK: "true" } },
    fits: exactly(pulumiVersion),
    beside: ["pulumi-language-nodejs"],
    release: {
      archive: (platform) => `${pulumiReleases}/pulumi-v${pulumiVersion}-${platform}.tar.gz`,
      checksums: `${pulumiReleases}/pulumi-${pulumiVersion}-checksums.txt`,
      program: () => "pulumi/pulumi",
      size: "about 200 MB",
    },
    source: {
      module: "pulumi",
      package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
      ldflags: `-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${pulumiVersion}`,
      needs: [],
      takes: "about 5 min",
    },
  },
};

/** A smaller minimum for the Ollama that is found on PATH, for whoever knows that theirs works. */
export const ollamaMinimumVariable = "LIGHTCHAIN_FLEET_OLLAMA_MINIMUM";

/** Which found version will do, the person's own minimum for Ollama included. */
export function rangeFor(tool: Tool, env: Readonly<Record<string, string | undefined>>): VersionRange {
  const minimum = tool.name === "ollama" ? env[ollamaMinimumVariable] : undefined;
  return minimum === undefined ? tool.fits : { ...tool.fits, atLeast: minimum };
}

/** Whether a version lies in the range; compares numbers, not text. */
export function inRange(version: string, range: VersionRange): boolean {
  return compare(version, range.atLeast) >= 0 && (range.below === undefined || compare(version, range.below) < 0);
}

function compare(left: string, right: string): number {
  const [a, b] = [numbers(left), numbers(right)];
  for (let place = 0; place < 3; place++) {
    const difference = (a[place] ?? 0) - (b[place] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function numbers(version: string): number[] {
  return version.split(".").map((part) => Number.parseInt(part, 10) || 0);
}
