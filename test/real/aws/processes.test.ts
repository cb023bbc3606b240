import { build } from "esbuild";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { packageRoot } from "../../../system/package-root.js";
import { runProcess } from "../../../system/process.js";
import { newWorker } from "../../keystore/fixtures.js";
import { because } from "../machines/docker-engine.js";
import { freshStore, useEnvironment } from "./ground.js";
import { noMoto, startMoto, type EmulatedAws } from "./moto.js";

const whyNot = noMoto();

describe.skipIf(whyNot !== undefined)(
  `processes with homes of their own, as on several machines${because(whyNot)}`,
  () => {
    let aws: EmulatedAws;
    let folder: string;
    beforeAll(async () => {
      aws = await startMoto();
      useEnvironment(aws.env);
      folder = await mkdtemp(join(tmpdir(), "lf-aws-"));
      await build({
        entryPoints: [join(packageRoot(), "test", "real", "keystore", "child.ts")],
        outfile: join(folder, "child.cjs"),
        bundle: true,
        platform: "node",
        format: "cjs",
        logLevel: "error",
      });
    });
    afterAll(async () => {
      vi.unstubAllEnvs();
      await aws?.stop();
      await rm(folder, { recursive: true, force: true });
    });

    test.each([
      ["with homes of their own", (name: string) => name],
      ["of one home", () => "shared"],
    ])("lose no change of one record, %s: each version is written by exactly one", async (_, homeOf) => {
      const { store } = await freshStore();
      await store.create("worker/8200/home", newWorker());
      const results = await Promise.all(
        ["one", "two", "three"].map((name) =>
          runProcess(process.execPath, [join(folder, "child.cjs"), store.url, "worker/8200/home", "increment", "5"], {
            env: { ...aws.env, HOME: join(folder, homeOf(name)) },
          }),
        ),
      );
      expect(results.map(({ code, stderr }) => [code, stderr])).toEqual(results.map(() => [0, ""]));
      const { version, record } = await store.read("worker/8200/home", "worker");
      expect([version, record.epoch]).toEqual([16, 15]);
    });
  },
);
