import { join } from "node:path";
import { expect, test } from "vitest";
import { renderSettings } from "../../scripts/settings-doc.js";
import { packageRoot } from "../../system/package-root.js";

test("the list of settings is what the schema says", async () => {
  await expect(renderSettings()).toMatchFileSnapshot(join(packageRoot(), "docs", "settings.md"));
});
