import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../../../system/package-root.js";
import { awsArguments } from "../../../plugins/aws/arguments.js";
import { shapesOf } from "../../../plugins/sdk-shapes.js";

test("what the stand-in for aws takes is what the SDK's own types say", async () => {
  const shapes = JSON.stringify(shapesOf(awsArguments), undefined, 2);
  await expect(`${shapes}\n`).toMatchFileSnapshot(join(packageRoot(), "test/plugins/aws/shapes.json"));
});
