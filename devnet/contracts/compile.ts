import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join, posix } from "node:path";
import { Worker } from "node:worker_threads";
import type { Abi } from "viem";
import { FleetError } from "../../schema/errors.js";
import type { Hex } from "../../schema/units.js";
import { systemClock } from "../../system/clock.js";
import { ensureFolder, readIfPresent, writeAtomically } from "../../system/files.js";
import { lock } from "../../system/lock.js";
import { packageRoot } from "../../system/package-root.js";

/** The contracts with an address of their own, and the proxy they stand behind. */
export const contractNames = [
  "WorkerRegistry",
  "AIConfig",
  "JobRegistry",
  "SessionManager",
  "ReputationRegistry",
  "ERC1967Proxy",
] as const;
/** Implementations that a proxy may be sent back to (`src/older`). */
export const olderNames = ["AIConfigBeforeSortition", "JobRegistryWithShortJobs"] as const;
const compiledNames = [...contractNames, ...olderNames] as const;
export type CompiledName = (typeof compiledNames)[number];

/** What the compiler made of one contract. */
export interface CompiledContract {
  readonly abi: Abi;
  /** Creation code. */
  readonly bytecode: Hex;
  /** Runtime code, with zeros where the immutables go. */
  readonly deployedBytecode: Hex;
  /** Places of the immutables in the runtime code: byte offsets of 32-byte words. */
  readonly immutables: readonly number[];
}
export type CompiledContracts = Readonly<Record<CompiledName, CompiledContract>>;

/** LF1028: the Solidity compiler refused the devnet's contracts. */
export class CompilationFailed extends FleetError {
  constructor(readonly messages: readonly string[]) {
    super("LF1028", `The devnet's contracts do not compile: ${messages.join("\n")}`, {
      fix: "correct the sources in devnet/contracts/src, or run `npm install` when an import was not found",
    });
  }
}

const proxySource = "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
const isOlder = (name: CompiledName): boolean => olderNames.some((older) => older === name);
const sourceOf = (name: CompiledName): string => {
  if (name === "ERC1967Proxy") return proxySource;
  return isOlder(name) ? `older/${name}.sol` : `${name}.sol`;
};
/** Only what is used is asked for: the compiler then skips the code of everything else. */
const outputs = [
  "abi",
  "evm.bytecode.object",
  "evm.deployedBytecode.object",
  "evm.deployedBytecode.immutableReferences",
];
/**
 * Small and quick to compile rather than cheap to run: without the Yul optimizer it takes two thirds of the time (viaIR would take 30 s), and
 * the largest contract still stays below the EVM's 24,576 bytes.
 */
const settings = {
  optimizer: { enabled: true, runs: 1, details: { yul: false } },
  evmVersion: "cancun",
  metadata: { appendCBOR: false },
  outputSelection: Object.fromEntries(compiledNames.map((name) => [sourceOf(name), { [name]: outputs }])),
};

/**
 * Compiles `devnet/contracts/src` with the pinned solc, in a thread of its own: some seconds at first, a file read afterwards. The cache is keyed by the hash
 * of every source (imports included), the settings and the compiler's version; of two callers at once, in one process or two, one does the work.
 * @param options.cacheFolder where results are kept; made when missing
 * @throws CompilationFailed (LF1028) when the sources are wrong
 */
export async function compileContracts(options: { cacheFolder: string }): Promise<CompiledContracts> {
  const require = createRequire(join(packageRoot(), "package.json"));
  const compiler = require.resolve("solc");
  const { version } = JSON.parse(await readFile(join(dirname(compiler), "package.json"), "utf8")) as {
    version: string;
  };
  const input = JSON.stringify({ language: "Solidity", sources: await readSources(require), settings });

  const key = createHash("sha256").update(version).update("\0").update(input).digest("hex");
  const cached = join(options.cacheFolder, `contracts-${key.slice(0, 32)}.json`);
  const kept = await readIfPresent(cached);
  if (kept !== undefined) return JSON.parse(kept) as CompiledContracts;

  await ensureFolder(options.cacheFolder, "public");
  const turn = await lock(join(options.cacheFolder, "compiling.lock"), longestWaitMs, systemClock);
  try {
    const meanwhile = await readIfPresent(cached);
    if (meanwhile !== undefined) return JSON.parse(meanwhile) as CompiledContracts;
    const compiled = pick(await runCompiler(compiler, input));
    await writeAtomically(cached, JSON.stringify(compiled), "public");
    return compiled;
  } finally {
    turn?.release();
  }
}

/** Who waited for this long for another's result compiles as well: that is only slower. */
const longestWaitMs = 60_000;

type Sources = Record<string, { content: string }>;

/** Our sources, the proxy, and all they import, by the names that solc gives them. */
async function readSources(require: NodeJS.Require): Promise<Sources> {
  const folder = join(packageRoot(), "devnet", "contracts", "src");
  const ours = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith(".sol")).sort();
  const sources: Sources = {};
  const wanted = [...ours, proxySource];
  for (let name = wanted.shift(); name !== undefined; name = wanted.shift()) {
    if (name in sources) continue;
    const content = await readFile(name.startsWith("@") ? require.resolve(name) : join(folder, name), "utf8");
    sources[name] = { content };
    wanted.push(...importsOf(name, content));
  }
  return sources;
}

function importsOf(importer: string, content: string): string[] {
  return [...content.matchAll(/^import\s[^;"']*["']([^"']+)["']/gm)].map(([, path = ""]) =>
    path.startsWith(".") ? posix.join(posix.dirname(importer), path) : path,
  );
}

interface SolcContract {
  readonly abi: Abi;
  readonly evm: {
    readonly bytecode: { readonly object: string };
    readonly deployedBytecode: {
      readonly object: string;
      readonly immutableReferences?: Readonly<Record<string, readonly { start: number }[]>>;
    };
  };
}
interface SolcOutput {
  readonly errors?: readonly { severity: string; formattedMessage: string }[];
  readonly contracts?: Readonly<Record<string, Readonly<Record<string, SolcContract>>>>;
}

/** What the thread runs; text, so that it is the same from source and from `dist/`. */
const compilerThread = `
  const { parentPort, workerData } = require("node:worker_threads");
  parentPort.postMessage(require(workerData.compiler).compile(workerData.input));
`;

/** In a thread of its own: the compiler blocks for seconds, and its 240 MB go with the thread. */
async function runCompiler(compiler: string, input: string): Promise<SolcOutput> {
  const thread = new Worker(compilerThread, { eval: true, workerData: { compiler, input } });
  const [answer] = (await once(thread, "message")) as [string];
  await thread.terminate();
  const output = JSON.parse(answer) as SolcOutput;
  const failures = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (failures.length > 0) throw new CompilationFailed(failures.map((failure) => failure.formattedMessage));
  return output;
}

function pick(output: SolcOutput): CompiledContracts {
  const entries = compiledNames.map((name) => {
    const contract = output.contracts?.[sourceOf(name)]?.[name];
    if (!contract) throw new CompilationFailed([`no contract ${name} in ${sourceOf(name)}`]);
    const { bytecode, deployedBytecode } = contract.evm;
    const compiled: CompiledContract = {
      abi: contract.abi,
      bytecode: `0x${bytecode.object}`,
      deployedBytecode: `0x${deployedBytecode.object}`,
      immutables: Object.values(deployedBytecode.immutableReferences ?? {}).flatMap((places) =>
        places.map(({ start }) => start),
      ),
    };
    return [name, compiled] as const;
  });
  return Object.fromEntries(entries) as Record<CompiledName, CompiledContract>;
}
