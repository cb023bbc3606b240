import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { ImageFolderUnwritable } from "./errors.js";

/** Who everything in our containers runs as: nobody's number on any usual machine, and no name that an image would have to know. */
export const containerUser = "10471:10471";
/** Where the worker's container has the host's folder: its volume. */
export const rootInContainer = "/var/lib/lightchain-fleet";
/** Where the image has the bundle. */
export const bundleInImage = "/opt/lightchain/bundle";
/** The hash of the bundle in an image. */
export const bundleLabel = "ai.lightchain.fleet.bundle";
/** Where Ollama's container has its volume: models, and the key it makes itself. */
export const ollamaData = "/var/lib/lightchain-ollama";

/** What an image is built from. */
export interface ImageRecipe {
  readonly dockerfile: string;
  /** A folder that lies in the context as `bundle`. */
  readonly bundle?: string;
  /** The image's folder that becomes a volume. */
  readonly state: string;
  /** Names the recipe: the same sources have the same one. */
  readonly tag: string;
}

/**
 * The worker's image: the bundle on a base with glibc and libstdc++ and nothing else that is used. The folder that becomes a volume belongs to the container's
 * user, which a fresh volume takes over. Pure.
 */
export function workerRecipe(base: string, bundle: { folder: string; hash: string }): ImageRecipe {
  const dockerfile = [
    `FROM ${base}`,
    `LABEL ${bundleLabel}=${bundle.hash}`,
    `COPY --chown=${containerUser} bundle/ ${bundleInImage}/`,
    `COPY --chown=${containerUser} state/ /var/lib/`,
    `USER ${containerUser}`,
    "STOPSIGNAL SIGTERM",
    `ENTRYPOINT ["${bundleInImage}/node", "${bundleInImage}/container.js", "--root", "${rootInContainer}"]`,
    "CMD []",
    "",
  ].join("\n");
  return { dockerfile, bundle: bundle.folder, state: rootInContainer, tag: tagOf(dockerfile) };
}

/** Ollama's own image with a folder that our user may write, and nothing else changed. Pure. */
export function ollamaRecipe(base: string): ImageRecipe {
  const dockerfile = [
    `FROM ${base}`,
    `COPY --chown=${containerUser} state/ /var/lib/`,
    `USER ${containerUser}`,
    "",
  ].join("\n");
  return { dockerfile, state: ollamaData, tag: tagOf(dockerfile) };
}

const tagOf = (dockerfile: string): string => createHash("sha256").update(dockerfile).digest("hex").slice(0, 16);

/**
 * Makes the folder that an image is built from, unless it is there: named by what is in it. The bundle's files are linked, not copied.
 * @param folder of all such folders
 * @returns its path
 * @throws ImageFolderUnwritable LF1588
 */
export function writeContext(folder: string, recipe: ImageRecipe): string {
  const place = join(folder, recipe.tag);
  if (existsSync(join(place, "Dockerfile"))) return place;
  const temporary = `${place}.${process.pid}`;
  try {
    rmSync(temporary, { recursive: true, force: true });
    const state = join(temporary, "state", basename(recipe.state));
    mkdirSync(state, { recursive: true });
    chmodSync(state, 0o700);
    if (recipe.bundle !== undefined) linkFolder(recipe.bundle, join(temporary, "bundle"));
    writeFileSync(join(temporary, "Dockerfile"), recipe.dockerfile);
    rmSync(place, { recursive: true, force: true });
    renameSync(temporary, place);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    if (existsSync(join(place, "Dockerfile"))) return place; // another run was faster
    throw new ImageFolderUnwritable(folder, error);
  }
  return place;
}

function linkFolder(source: string, target: string): void {
  mkdirSync(target, { recursive: true });
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const from = join(entry.parentPath, entry.name);
    const to = join(target, from.slice(source.length + 1));
    mkdirSync(dirname(to), { recursive: true });
    try {
      linkSync(from, to);
    } catch {
      copyFileSync(from, to); // another file system
    }
  }
}
