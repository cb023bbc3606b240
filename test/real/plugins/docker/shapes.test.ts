import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../../../system/package-root.js";
import { dockerArguments } from "../../../plugins/docker/arguments.js";
import { shapesOf } from "../../../plugins/sdk-shapes.js";

test("what the stand-in for docker takes is what the SDK's own types say", async () => {
  const shapes = JSON.stringify(shapesOf(dockerArguments), undefined, 2);
  await expect(`${shapes}\n`).toMatchFileSnapshot(join(packageRoot(), "test/plugins/docker/shapes.json"));
});
