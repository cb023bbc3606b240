import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheKey, ensureEntry, type Recipe } from "../../../scripts/toolchain/cache.js";
import { cacheFolder } from "../../../system/cache-folder.js";
import { onPath } from "../../../scripts/toolchain/platform.js";
import { systemClock } from "../../../system/clock.js";
import { lock } from "../../../system/lock.js";
import { packageRoot } from "../../../system/package-root.js";
import { runProcess } from "../../../system/process.js";
import { docker, mustDocker } from "./docker-engine.js";

/** `server`: what a person has set up. `instance`: what a cloud boots, which sets itself up by cloud-init. */
export type ImageKind = "server" | "instance";

/** What a machine has beside Debian's essentials: about what a freshly installed server has. */
const server = [
  ...["systemd", "systemd-sysv", "libpam-systemd", "libnss-systemd", "dbus", "openssh-server", "sudo", "procps"],
  ...["iproute2", "iptables", "nftables", "ca-certificates", "curl", "zstd"],
];
/** cffi: asked for by another name, which debootstrap does not follow. */
const packages = { server, instance: [...server, "cloud-init", "python3-cffi-backend"] };
const release = "bookworm";
/** Nothing that runs reads these. */
const leftOut = ["./var/cache/apt/*", "./var/lib/apt/lists/*", "./usr/share/doc/*", "./usr/share/man/*"];
const longestBuildMs = 30 * 60_000;

/** Everything in the image's folder, which is built on Debian. */
const recipeFolder = (): string => join(packageRoot(), "test", "real", "machines", "image");

/** The Debian below: made once for a user by debootstrap (a minute), and kept beside the toolchain. */
const debian = (kind: ImageKind): Recipe => ({
  tool: "test-machine",
  version: release,
  ingredients: JSON.stringify([process.arch, packages[kind], leftOut]),
});

/** What the suite's set-up leaves for the tests when the image could not be made. */
export const noImageVariable = "LIGHTCHAIN_TEST_NO_IMAGE";

/** Why the image of the machines can't be had; `undefined` when it is there or can be made. */
export function noImage(kind: ImageKind = "server"): string | undefined {
  const said = process.env[noImageVariable];
  if (said !== undefined && said !== "") return said;
  if (existsSync(join(cacheFolder(process.env), cacheKey(debian(kind))))) return undefined;
  if (process.getuid?.() !== 0) return "only root may make the machines' image (debootstrap)";
  return debootstrap() === undefined ? "debootstrap is not installed (Debian: apt-get install debootstrap)" : undefined;
}

/** The image of a machine, made when the engine has none of this recipe. One process at a time makes it. @returns its tag */
export async function ensureImage(onMaking: () => void = () => undefined, kind: ImageKind = "server"): Promise<string> {
  const recipe = debian(kind);
  const tag = `lightchain-fleet-test-machine:${recipeHash(recipe)}`;
  if (await isThere(tag)) return tag;
  const cache = cacheFolder(process.env);
  await mkdir(join(cache, recipe.tool), { recursive: true });
  const held = await lock(join(cache, recipe.tool, ".image-lock"), longestBuildMs, systemClock);
  if (!held) throw new Error("another run has been making the machines' image for half an hour");
  try {
    if (await isThere(tag)) return tag;
    onMaking();
    const base = `lightchain-fleet-test-debian:${hashOf(recipe.ingredients)}`;
    if (!(await isThere(base))) await mustDocker("import", await debianArchive(cache, kind), base);
    await mustDocker("build", "--quiet", "--force-rm", "--build-arg", `BASE=${base}`, "--tag", tag, recipeFolder());
    return tag;
  } finally {
    held.release();
  }
}

async function debianArchive(cache: string, kind: ImageKind): Promise<string> {
  const entry = await ensureEntry({
    cache,
    recipe: debian(kind),
    clock: systemClock,
    onWaiting: () => undefined,
    produce: async (folder) => {
      const root = join(folder, "root");
      const program = debootstrap() ?? "debootstrap";
      await must(program, ["--variant=minbase", `--include=${packages[kind].join(",")}`, release, root]);
      const exclude = leftOut.map((path) => `--exclude=${path}`);
      await must("tar", ["-C", root, "--numeric-owner", ...exclude, "-cf", join(folder, "debian.tar"), "."]);
      await rm(root, { recursive: true });
      return "made by debootstrap";
    },
  });
  return join(entry.folder, "debian.tar");
}

const isThere = async (tag: string): Promise<boolean> => (await docker(["image", "inspect", tag])).code === 0;

const debootstrap = (): string | undefined =>
  onPath("debootstrap", {
    platform: "linux-x64",
    env: { PATH: `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin` },
  })[0];

function recipeHash(recipe: Recipe): string {
  const files = readdirSync(recipeFolder()).sort();
  return hashOf(
    recipe.ingredients,
    ...files.flatMap((name) => [name, readFileSync(join(recipeFolder(), name), "utf8")]),
  );
}

const hashOf = (...texts: readonly string[]): string =>
  createHash("sha256").update(JSON.stringify(texts)).digest("hex").slice(0, 12);

async function must(file: string, args: readonly string[]): Promise<void> {
  const path = `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;
  const { code, stdout, stderr } = await runProcess(file, args, {
    env: { ...(process.env as Record<string, string>), PATH: path },
  });
  if (code !== 0) throw new Error(`${file} ended with ${code}: ${`${stdout}\n${stderr}`.trim().slice(-600)}`);
}
