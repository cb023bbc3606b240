import { join } from "node:path";
import { build } from "esbuild";
import { packageRoot } from "../../../system/package-root.js";

/** Makes one program of a source file, as the bundle does, so that a child process or thread can run it. @returns its path */
export async function compileProgram(source: string, folder: string, name: string): Promise<string> {
  const outfile = join(folder, name);
  await build({
    entryPoints: [join(packageRoot(), source)],
    outfile,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "cjs",
    external: ["c-kzg", "kzg-wasm", "bufferutil", "utf-8-validate"],
    logLevel: "error",
  });
  return outfile;
}
