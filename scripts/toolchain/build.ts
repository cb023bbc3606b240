import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { packageRoot } from "../../system/package-root.js";
import { runProcess } from "../../system/process.js";
import { BuildFailed } from "./errors.js";
import type { GoSource, Tool } from "./manifest.js";
import { isExecutable, onPath, type Machine } from "./platform.js";

/** What came of trying to build: it is there, or the reason why this machine can't build it. */
export type Built = { readonly built: true } | { readonly built: false; readonly reason: string };

/** The folder of a tool's Go module: go.mod names the version, go.sum the hash of every source. */
export const moduleFolder = (source: GoSource): string =>
  join(packageRoot(), "scripts", "toolchain", "go", source.module);

/**
 * Builds a tool with Go into a file. Sources come from the Go module proxy the first time and are verified by go.sum.
 * @throws {@link BuildFailed} when the compiler fails, with its words in the log
 */
export async function buildWithGo(
  tool: Tool,
  machine: Machine,
  program: string,
  log: string,
  onProgress: (how: string) => void,
  signal: AbortSignal,
): Promise<Built> {
  const { source } = tool;
  const go = onPath("go", machine)[0];
  if (go === undefined) return { built: false, reason: "it can't be built from source, since there is no Go" };
  const missing = source.needs.filter((name) => onPath(name, machine).length === 0);
  if (missing.length > 0)
    return { built: false, reason: `it can't be built from source, since ${missing.join(" and ")} is missing` };

  let fetched = 0;
  const result = await runProcess(
    go,
    [
      "build",
      "-mod=readonly",
      "-buildvcs=false",
      "-trimpath",
      "-ldflags",
      source.ldflags,
      "-o",
      program,
      source.package,
    ],
    {
      cwd: moduleFolder(source),
      env: goEnvironment(machine, go),
      signal,
      onOutput: (text) => {
        fetched += text.split("go: downloading ").length - 1;
        if (fetched > 0) onProgress(`building from source, ${source.takes}; ${fetched} modules fetched`);
      },
    },
  );
  if (result.code === 0 && isExecutable(program)) return { built: true };

  await mkdir(dirname(log), { recursive: true });
  await writeFile(log, result.stdout + result.stderr);
  const reason = whyNot(result.stderr);
  if (reason !== undefined) return { built: false, reason };
  throw new BuildFailed(`${tool.name} ${tool.version}`, log, lastWords(result.stderr));
}

/** A machine's failure rather than the source's: no network, or a Go that is too old and may not fetch a newer one. */
export function whyNot(output: string): string | undefined {
  if (/requires go >= |toolchain not available|invalid go version/.test(output))
    return "it can't be built from source, since Go is too old";
  if (/dial tcp|no such host|i\/o timeout|proxyconnect|connection refused|TLS handshake/.test(output))
    return "its sources can't be fetched (the Go module proxy can't be reached)";
  if (/no space left on device/.test(output)) return "the disk is full";
  return undefined;
}

function goEnvironment(machine: Machine, go: string): Record<string, string> {
  const own = Object.entries(machine.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return {
    ...Object.fromEntries(own),
    PATH: `${dirname(go)}:${machine.env["PATH"] ?? ""}`,
    // what a person has set for their own builds would change ours
    GOFLAGS: "",
    GOWORK: "off",
    GO111MODULE: "on",
  };
}

const lastWords = (output: string): string =>
  output
    .trim()
    .split("\n")
    .filter((line) => !line.startsWith("go: downloading"))
    .slice(-2)
    .join(" ") || "the compiler said nothing.";
