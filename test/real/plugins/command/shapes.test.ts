import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../../../system/package-root.js";
import { commandArguments } from "../../../plugins/command/arguments.js";
import { shapesOf } from "../../../plugins/sdk-shapes.js";

test("the stand-in takes what the SDK's own types say, at every depth", async () => {
  const shapes = JSON.stringify(shapesOf(commandArguments), undefined, 2);
  await expect(`${shapes}\n`).toMatchFileSnapshot(join(packageRoot(), "test/plugins/command/shapes.json"));
});
