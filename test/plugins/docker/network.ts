import type { ResourceType } from "../engine/resource-type.js";
import type { ObjectShape } from "../engine/shape.js";
import { docker, ifThere, labelsOf } from "./api.js";
import { done } from "../engine/done.js";

/** `docker:index/network:Network` (`resource_docker_network.go`): nothing of it can be changed in place. */
export const network = (inputs: ObjectShape): ResourceType => ({
  inputs,
  computed: ["id", "scope"],
  replaces: Object.keys(inputs).map((name) => name.replace("?", "")),
  check: done(["name", "labels", "driver", "internal"]),
  idOf: ({ id }) => String(id),
  create: async ({ name, labels, driver, internal }) => {
    const made = await docker().createNetwork({
      ...{ Name: String(name), CheckDuplicate: true, Labels: labelsOf(labels) },
      ...(typeof driver === "string" ? { Driver: driver } : {}),
      Internal: internal === true,
    });
    return { id: made.id, scope: "local" };
  },
  update: (_, before) => Promise.resolve({ id: before["id"], scope: before["scope"] }),
  read: async (id, state) => ((await ifThere(docker().getNetwork(id).inspect())) === undefined ? undefined : state),
  delete: async ({ id }) => {
    await ifThere(docker().getNetwork(String(id)).remove());
  },
});
