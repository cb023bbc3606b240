import type { ResourceType } from "../engine/resource-type.js";
import type { ObjectShape } from "../engine/shape.js";
import { docker, ifThere, labelsOf } from "./api.js";
import { done } from "../engine/done.js";

/** `docker:index/volume:Volume` (`resource_docker_volume.go`): nothing of it can be changed in place. Its id is its name. */
export const volume = (inputs: ObjectShape): ResourceType => ({
  inputs,
  computed: ["mountpoint"],
  replaces: Object.keys(inputs).map((name) => name.replace("?", "")),
  check: done(["name", "labels", "driver"]),
  idOf: ({ name }) => String(name),
  create: async ({ name, labels, driver }) => {
    await docker().createVolume({
      ...{ Name: String(name), Labels: labelsOf(labels) },
      ...(typeof driver === "string" ? { Driver: driver } : {}),
    });
    return { mountpoint: (await docker().getVolume(String(name)).inspect()).Mountpoint };
  },
  update: (_, before) => Promise.resolve({ mountpoint: before["mountpoint"] }),
  read: async (id, state) => ((await ifThere(docker().getVolume(id).inspect())) === undefined ? undefined : state),
  delete: async ({ name }) => {
    await ifThere(docker().getVolume(String(name)).remove());
  },
});
