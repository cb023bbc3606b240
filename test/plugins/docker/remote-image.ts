import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import type { ResourceType } from "../engine/resource-type.js";
import type { ObjectShape } from "../engine/shape.js";
import { docker, ifThere } from "./api.js";
import { done } from "../engine/done.js";

/**
 * `docker:index/remoteImage:RemoteImage` (`resource_docker_image.go`): built from a folder when it says so, else pulled unless it is there. Its delete removes it from
 * the engine unless it is to be kept.
 */
export const remoteImage = (inputs: ObjectShape): ResourceType => ({
  inputs,
  computed: ["imageId", "repoDigest"],
  replaces: ["name", "build", "platform", "pullTriggers", "triggers"],
  check: done([
    ...["name", "keepLocally", "forceRemove", "triggers"],
    ...["build.context", "build.dockerfile", "build.buildArgs"],
  ]),
  idOf: ({ name, imageId }) => `${String(imageId)}${String(name)}`,
  create: async (given) => {
    const name = String(given["name"]);
    if (given["build"] !== undefined) await build(name, given["build"] as Build);
    const found = (await ifThere(docker().getImage(name).inspect())) ?? (await pulled(name));
    return { imageId: found.Id, repoDigest: found.RepoDigests[0] ?? "" };
  },
  update: (_, { imageId, repoDigest }) => Promise.resolve({ imageId, repoDigest }),
  read: async (_, state) => {
    const there = await ifThere(docker().getImage(String(state["name"])).inspect());
    return there === undefined ? undefined : { ...state, imageId: there.Id };
  },
  delete: async ({ name, keepLocally, forceRemove }) => {
    if (keepLocally === true) return;
    await ifThere(
      docker()
        .getImage(String(name))
        .remove({ force: forceRemove === true }),
    );
  },
});

interface Build {
  readonly context: string;
  readonly dockerfile?: string;
  readonly buildArgs?: Record<string, string>;
}

async function build(name: string, { context, dockerfile = "Dockerfile", buildArgs = {} }: Build): Promise<void> {
  const folder = resolve(context); // against the program's folder, where providers are started
  const said = await docker().buildImage(
    { context: folder, src: readdirSync(folder) },
    { t: name, dockerfile, rm: true, buildargs: buildArgs },
  );
  await ended(said);
}

async function pulled(name: string) {
  await ended(await docker().pull(name));
  return docker().getImage(name).inspect();
}

/** The engine tells what goes wrong in the middle of what it says. */
const ended = (said: NodeJS.ReadableStream): Promise<void> =>
  new Promise((resolve, reject) => {
    docker().modem.followProgress(said, (error: Error | null, lines: { error?: string }[]) => {
      const wrong = error?.message ?? lines.find((line) => line.error !== undefined)?.error;
      if (wrong === undefined) resolve();
      else reject(new Error(wrong));
    });
  });
