import { createHash } from "node:crypto";
import { link, copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { keccak256, stringToBytes } from "viem";
import { toJson } from "../../../schema/json.js";
import { packageRoot } from "../../../system/package-root.js";

/**
 * A bundle with the real host program and supervisor, and in the sidecar's place a program that only says what it was given: it writes down the length and
 * hash of what it read from descriptor 3, then waits.
 */
export async function makeFakeBundle(folder: string, sidecar = patientSidecar): Promise<string> {
  await mkdir(folder, { recursive: true });
  await build({
    entryPoints: [
      { in: join(packageRoot(), "host/main.ts"), out: "host" },
      { in: join(packageRoot(), "host/supervisor/main.ts"), out: "supervisor" },
      { in: join(packageRoot(), "host/container/main.ts"), out: "container" },
    ],
    outdir: folder,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "cjs",
    logLevel: "error",
  });
  await writeFile(join(folder, "sidecar.js"), sidecar);
  await link(process.execPath, join(folder, "node")).catch(() => copyFile(process.execPath, join(folder, "node")));
  const names = (await readdir(folder)).sort();
  const files = Object.fromEntries(
    await Promise.all(
      names.map(async (name) => {
        const content = await readFile(join(folder, name));
        return [name, createHash("sha256").update(content).digest("hex")] as const;
      }),
    ),
  );
  const hash = keccak256(stringToBytes(JSON.stringify(files)));
  await writeFile(
    join(folder, "manifest.json"),
    toJson({ version: 1, hash, fleet: "0.0.0", node: process.version, files }),
  );
  return folder;
}

export const patientSidecar = `
const fs = require("node:fs"), crypto = require("node:crypto");
const secret = fs.readFileSync(3);
const state = JSON.parse(fs.readFileSync(process.argv[process.argv.indexOf("--settings") + 1], "utf8")).stateFolder;
fs.appendFileSync(state + "/starts", process.pid + " " + crypto.createHash("sha256").update(secret).digest("hex") + "\\n");
process.on("SIGTERM", () => process.exit(0));
setInterval(() => undefined, 1000);
`;

export const misconfiguredSidecar = `process.exit(78);`;
