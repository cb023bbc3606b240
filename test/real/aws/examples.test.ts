import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { fit } from "../../../components/host/aws/fit.js";
import { needsOf } from "../../../components/models/needs.js";
import type { Changes } from "../../../scripts/rehearsal/engine.js";
import { packageRoot } from "../../../system/package-root.js";
import { runProcess } from "../../../system/process.js";
import { because } from "../machines/docker-engine.js";
import { noCloud } from "./cloud.js";
import { openFleet, type Fleet } from "./fleet.js";

const whyNot = noCloud();
const folder = join(packageRoot(), "examples");
const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
const worker = z.looseObject({ models: z.array(z.string()).min(1), types: z.array(z.string()).min(1) });
const regionsSchema = z.record(z.string(), z.looseObject({ workers: z.record(z.string(), worker) }));
const configSchema = z.record(z.string(), z.looseObject({ value: z.string(), objectValue: z.unknown().optional() }));

describe.skipIf(whyNot !== undefined)(`the example${because(whyNot)}`, () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await openFleet();
  }, 300_000);
  afterAll(() => fleet?.end());

  /** An example's settings, as the engine reads them. */
  async function settingsOf(file: string): Promise<Record<string, unknown>> {
    const { environment } = await fleet.stage();
    const { stdout } = await runProcess(
      "pulumi",
      ["config", "--json", "--config-file", join(folder, file), "--stack", "devnet"],
      { cwd: fleet.rehearsal.folders.project, env: environment },
    );
    return Object.fromEntries(
      Object.entries(configSchema.parse(JSON.parse(stdout))).map(([name, { value, objectValue }]) => [
        name.replace("lightchain-fleet:", ""),
        objectValue ?? value,
      ]),
    );
  }

  /** Whoever copies it has an address to be told at. */
  const filledIn = <T>(settings: T): T =>
    JSON.parse(JSON.stringify(settings).replaceAll("<whom AWS tells>", "me@example.org")) as T;

  /** The rehearsal network has other models, and a first type that holds the example's holds those. */
  const onTheRehearsal = (regions: z.infer<typeof regionsSchema>): unknown => {
    const ours = fleet.members.map(({ model }) => ({ name: model, source: model }));
    const rehearsed = ({ models, ...rest }: z.infer<typeof worker>) => ({
      ...{ ...rest, gpu: "none", ollamaPort: 11_500 },
      models: ours.slice(0, models.length),
    });
    return Object.fromEntries(
      Object.entries(regions).map(([name, { workers, ...shared }]) => [
        name,
        {
          ...filledIn(shared),
          workers: Object.fromEntries(Object.entries(workers).map(([one, its]) => [one, rehearsed(its)])),
        },
      ]),
    );
  };

  test.each(files)("%s previews, with nothing but its blanks filled in", async (file) => {
    const { kind, store, regions: asked, ...blanks } = await settingsOf(file);
    expect(Object.keys(blanks).sort()).toEqual(["network", "ollamaRelease", "refundTo", "treasury"]);
    const regions = regionsSchema.parse(asked);
    const workers = Object.values(regions).flatMap((region) => Object.values(region.workers));
    for (const { models, types } of workers) {
      const fitting = fit(models.map(needsOf), { contextTokens: 4_096, parallel: 1 }).fits.map(({ type }) => type.name);
      expect(fitting, models.join(", ")).toEqual(expect.arrayContaining(types));
    }
    const { engine } = await fleet.stage({ kind, store, regions: onTheRehearsal(regions) });
    const changes: Changes = await engine.run("preview");
    expect(changes["create"]).toBeGreaterThan(20 * workers.length);
    expect(await fleet.cloud.left()).toEqual([]);
  });
});
