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

/** Has a job that takes two seconds more when it is told to end. */
export const busySidecar = patientSidecar.replace(
  "process.exit(0)",
  `setTimeout(() => { fs.appendFileSync(state + "/starts", process.pid + " job-done\\n"); process.exit(0); }, 2000)`,
);

export const misconfiguredSidecar = `process.exit(78);`;

/**
 * A sidecar that answers on its control socket with this status, under the epoch that its secret (JSON) names. `dieAfterMs`: it ends that long after its first answer.
 * `says` only makes one bundle another.
 */
export const answeringSidecar = (status: object, how: { says?: string; epoch?: number; dieAfterMs?: number } = {}) => `
// ${how.says ?? ""}
const fs = require("node:fs"), net = require("node:net");
const secret = JSON.parse(fs.readFileSync(3, "utf8"));
const state = JSON.parse(fs.readFileSync(process.argv[process.argv.indexOf("--settings") + 1], "utf8")).stateFolder;
fs.appendFileSync(state + "/starts", process.pid + " ${how.says ?? ""}\\n");
fs.writeFileSync(state + "/control.token", "token", { mode: 0o600 });
fs.rmSync(state + "/control.sock", { force: true });
const status = { ...${JSON.stringify(status)}, epoch: ${how.epoch ?? "secret.epoch"}, bundle: ${JSON.stringify(how.says ?? "")} };
net.createServer((connection) => {
  connection.on("error", () => undefined);
  connection.once("data", () => {
    connection.end(JSON.stringify({ ok: true, status }) + "\\n");
    ${how.dieAfterMs === undefined ? "" : `setTimeout(() => process.exit(1), ${how.dieAfterMs});`}
  });
}).listen(state + "/control.sock");
process.on("SIGTERM", () => process.exit(0));
`;

/** Writes down that it was started, and ends so. */
export const endingSidecar = (code: number) => `
const fs = require("node:fs");
const state = JSON.parse(fs.readFileSync(process.argv[process.argv.indexOf("--settings") + 1], "utf8")).stateFolder;
fs.appendFileSync(state + "/starts", process.pid + " ends ${code}\\n");
console.log(JSON.stringify({ level: "fatal", code: "LF1401", msg: "It cannot go on.", fix: "mend it." }));
process.exit(${code});
`;
