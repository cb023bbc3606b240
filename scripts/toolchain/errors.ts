import { FleetError } from "../../schema/errors.js";

/** LF1005: no tool is made for this kind of machine. */
export class PlatformUnsupported extends FleetError {
  constructor(platform: string) {
    super("LF1005", `lightchain-fleet runs on Linux and macOS (x64, arm64), not on ${platform}.`, {
      fix: "use a Linux machine, or WSL 2 on Windows.",
    });
  }
}

/** LF1006: a tool is not there, and no way of getting it works on this machine. Next: what the line says: where to get it, or how to name one that is there. */
export class ToolUnavailable extends FleetError {
  constructor(
    tool: { name: string; version: string; purpose: string },
    reasons: readonly string[],
    fix: string,
    cause?: unknown,
  ) {
    super("LF1006", `${tool.name} ${tool.version} (${tool.purpose}) can't be had: ${reasons.join("; ")}.`, {
      fix,
      cause,
    });
  }
}

/** LF1007: a download is not what its publisher's checksums say. Nothing of it was kept. */
export class DownloadMismatch extends FleetError {
  constructor(url: string, expected: string, actual: string) {
    super("LF1007", `${url} has SHA-256 ${actual}, but its release says ${expected}.`, {
      fix: "npm start again; if it stays so, do not use this network for downloads (a proxy may be changing them).",
    });
  }
}

/** LF1008: a tool that was to be used is not installed. Installing is `npm start`'s business, never a side effect of using. */
export class ToolMissing extends FleetError {
  constructor(tool: string) {
    super("LF1008", `${tool} is not installed.`, { fix: "npm start (it installs what is missing)." });
  }
}

/** LF1010: the cache folder can't be written. */
export class CacheUnwritable extends FleetError {
  constructor(path: string, code: string, cause: unknown) {
    super("LF1010", `${path} cannot be written (${code}).`, {
      fix: "make it yours, free some space, or set LIGHTCHAIN_FLEET_CACHE to another folder; then run the same command again.",
      cause,
    });
  }
}

/** LF1009: a build from source failed. The compiler's words are in the log. */
export class BuildFailed extends FleetError {
  constructor(tool: string, log: string, lastWords: string) {
    super("LF1009", `Building ${tool} failed: ${lastWords}`, {
      fix: `read ${log}, correct the cause and run the same command again.`,
    });
  }
}
