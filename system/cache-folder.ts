import { homedir } from "node:os";
import { join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** The folder that holds what is there once for the whole user: the setting, else the XDG cache folder, else `~/.cache`. */
export function cacheFolder(env: Environment): string {
  const own = env["LIGHTCHAIN_FLEET_CACHE"];
  if (own !== undefined && own !== "") return own;
  const shared = env["XDG_CACHE_HOME"];
  return join(
    shared !== undefined && shared !== "" ? shared : join(env["HOME"] ?? homedir(), ".cache"),
    "lightchain-fleet",
  );
}

/**
 * Where Node keeps what it compiled of a program's sources, as a variable of its environment: a run of the engine starts several processes that load the same libraries. Never in the
 * machine's common temporary folder, which is Node's own default: what lies there, somebody else may have put there. A folder that was chosen before stays.
 */
export const compileCache = (env: Environment): { NODE_COMPILE_CACHE: string } => ({
  NODE_COMPILE_CACHE: env["NODE_COMPILE_CACHE"] ?? join(cacheFolder(env), "compiled"),
});
