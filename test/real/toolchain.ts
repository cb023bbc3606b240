import { resolveToolchain } from "../../scripts/toolchain/resolve.js";

/**
 * Where the tests that start real things find the programs: `LIGHTCHAIN_GETH` and its like, else what `npm test` installed.
 * @throws ToolMissing
 */
export async function tool(name: "geth" | "ollama"): Promise<string> {
  return process.env[`LIGHTCHAIN_${name.toUpperCase()}`] ?? (await resolveToolchain())[name];
}
