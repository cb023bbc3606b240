import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Table from "cli-table3";
import { z } from "zod";
import { networkSchema } from "../../schema/network.js";
import { foldersIn } from "../../scripts/rehearsal/folders.js";
import { startNetwork, type RunningNetwork } from "../../scripts/rehearsal/network.js";
import { prepareStage } from "../../scripts/rehearsal/stage.js";
import { resolveToolchain } from "../../scripts/toolchain/resolve.js";
import { installAwsPlugin } from "../plugins/install.js";
import { startBridge, type Bridge } from "../real/aws/bridge.js";
import { makeCapacity } from "../real/aws/capacity.js";
import { answerImageParameters, imagesForMoto } from "../real/aws/images.js";
import { environmentFor, startMoto } from "../real/aws/moto.js";
import { countNode, type Asked, type CountedNode } from "./counted-node.js";
import { writeEmptyProgram, type Resources } from "./empty-program.js";
import { footprintOf, type Footprint } from "./footprint.js";
import { inPair, timesOf, type Pair } from "./pairs.js";

import type { Program } from "./program.js";
import { programOf } from "./program.js";

const sizes = [10, 25, 50];
const rounds = 5;
const regions = ["eu-central-1", "us-west-2"];

/** A fleet of some size, in which nothing is made yet, and what a preview of it came to. */
interface Fleet {
  readonly workers: number;
  readonly program: Program;
  readonly empty: Program;
  readonly resources: Resources;
  /** Bytes of `preview --json`. */
  readonly planBytes: number;
  readonly footprint: Footprint | undefined;
  /** The empty program's. */
  readonly emptyFootprint: Footprint | undefined;
  readonly chain: Asked;
  /** What AWS was asked, a line each. */
  readonly aws: readonly string[];
  readonly pairs: Pair[];
}

/**
 * Previews of workers in two regions of an emulated AWS, before anything is made, against programs with as many components, dynamic resources and resources of the same stand-in for
 * the `aws` plugin. No machine is booted.
 */
export async function benchFleet(root: string): Promise<void> {
  const tools = await resolveToolchain();
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const network = await startNetwork(foldersIn(root), tools);
    ends.push(() => network.stop());
    const moto = await startMoto(imagesForMoto());
    ends.push(() => moto.stop());
    const capacity = makeCapacity();
    capacity.setQuota("L-DB2E81BA", 10_000); // G and VT types, on demand
    const bridge = await startBridge(moto.endpoint, [capacity.answer, answerImageParameters]);
    ends.push(() => bridge.stop());
    const node = await countNode((await readNetwork(network)).endpoints.rpc);
    ends.push(() => node.stop());
    const ground = { root, network, bridge, node, networkFile: await networkThrough(node, network, root) };

    const fleets: Fleet[] = [];
    for (const workers of sizes) {
      process.stdout.write(`looking at ${workers} workers …\n`);
      fleets.push(await prepare(workers, ground, tools));
    }
    for (let round = 0; round < rounds; round++)
      for (const { program, empty, pairs } of fleets)
        pairs.push(
          await inPair(
            () => program("preview"),
            () => empty("preview"),
          ),
        );
    process.stdout.write(report(fleets));
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

interface Ground {
  readonly root: string;
  readonly network: RunningNetwork;
  readonly networkFile: string;
  readonly bridge: Bridge;
  readonly node: CountedNode;
}

async function prepare(
  workers: number,
  { root, network, networkFile, bridge, node }: Ground,
  tools: Parameters<typeof prepareStage>[1],
): Promise<Fleet> {
  const folders = foldersIn(join(root, String(workers)));
  await installAwsPlugin(folders.pulumiHome, tools.node);
  const stage = await prepareStage(
    ...([folders, tools, network, () => undefined] as const),
    {
      ...{ kind: "aws", network: networkFile, regions: regionsOf(workers, network) },
      ...{ store: "aws-sm:eu-central-1/fleet", ollama: undefined, ollamaPort: undefined },
      ollamaRelease: { version: "0.14.2", sha256: "0".repeat(64) }, // a preview brings none
    },
    { ...environmentFor(bridge.endpoint), HOME: join(folders.root, "operator") },
  );
  const program = programOf(folders.project, stage.environment);

  const before = bridge.asked.length;
  node.asked();
  const plan = await program("preview", "--json");
  const [aws, chain] = [bridge.asked.slice(before), node.asked()];
  const resources = resourcesIn(plan);
  const empty = await writeEmptyProgram(folders.root, stage.environment, resources);
  const same = resourcesIn(await empty("preview", "--json"));
  if (JSON.stringify(same) !== JSON.stringify(resources))
    throw new Error(`the empty program has ${JSON.stringify(same)}, not ${JSON.stringify(resources)}`);
  return {
    ...{ workers, program, empty, resources, aws, chain, pairs: [] },
    planBytes: Buffer.byteLength(plan),
    footprint: await footprintOf(() => program("preview")),
    emptyFootprint: await footprintOf(() => empty("preview")),
  };
}

/** The stack's setting: the workers, spread over the regions. */
function regionsOf(workers: number, { models }: RunningNetwork): Readonly<Record<string, object>> {
  const worker = { types: ["g6.xlarge", "g5.xlarge"], gpu: "none", models };
  const names = Array.from({ length: workers }, (_, at) => `worker${at}`);
  return Object.fromEntries(
    regions.map((region, which) => {
      const there = names.filter((_, at) => at % regions.length === which);
      return [region, { workers: Object.fromEntries(there.map((name) => [name, worker])) }];
    }),
  );
}

const readNetwork = async ({ networkFile }: RunningNetwork) =>
  networkSchema.parse(JSON.parse(await readFile(networkFile, "utf8")));

/** The network's description, with the way to its node on which is counted. @returns its file */
async function networkThrough({ rpc }: CountedNode, running: RunningNetwork, root: string): Promise<string> {
  const network = await readNetwork(running);
  const file = join(root, "counted-network.json");
  await writeFile(file, JSON.stringify({ ...network, endpoints: { ...network.endpoints, rpc } }));
  return file;
}

const planSchema = z.looseObject({
  steps: z.array(z.looseObject({ newState: z.looseObject({ type: z.string() }) })),
});

/** What a plan is to make. */
function resourcesIn(plan: string): Resources {
  const types = planSchema.parse(JSON.parse(plan)).steps.map(({ newState }) => newState.type);
  const count = (pattern: RegExp): number => types.filter((type) => pattern.test(type)).length;
  return { components: count(/^(lightchain|bench):/), dynamic: count(/^pulumi-nodejs:/), aws: count(/^aws:/) };
}

function report(fleets: readonly Fleet[]): string {
  const times = new Table({ head: ["workers", "resources", "it (s)", "empty (s)", "ratio, median of pairs"] });
  const footprints = new Table({
    head: ["workers", "computed (s)", "program (MiB)", "dynamic providers (MiB)", "engine (MiB)"],
  });
  const asked = new Table({
    head: ["workers", "plan (KiB a worker)", "AWS calls", "a worker", "chain calls", "a worker", "chain requests"],
  });
  for (const fleet of fleets) {
    const { workers, resources, pairs, aws, chain, planBytes } = fleet;
    const { components, dynamic, aws: ofPlugin } = resources;
    times.push([workers, `${components} + ${dynamic} dynamic + ${ofPlugin} aws`, ...timesOf(pairs)]);
    const both = (figure: (of: Footprint) => string): string =>
      [fleet.footprint, fleet.emptyFootprint].map((of) => (of === undefined ? "?" : figure(of))).join(" / ");
    footprints.push([
      ...[workers, both(({ seconds }) => seconds.toFixed(1))],
      ...(["program", "dynamicProvider", "engine"] as const).map((which) =>
        both(({ mib }) => String(Math.round(mib[which]))),
      ),
    ]);
    asked.push([
      ...[workers, (planBytes / 1_024 / workers).toFixed(1)],
      ...[aws.length, (aws.length / workers).toFixed(1)],
      ...[chain.calls, (chain.calls / workers).toFixed(1), chain.requests],
    ]);
  }
  return [
    ...[
      times.toString(),
      `${rounds} pairs each, in turns.`,
      footprints.toString(),
      "Its own / the empty program's.",
      asked.toString(),
    ],
    ...fleets.map(({ workers, aws }) => `AWS, of ${workers} workers: ${tallied(aws)}`),
    "",
  ].join("\n");
}

/** Lines with how often each is there, most often first. */
function tallied(lines: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  const sorted = [...counts].sort(([, one], [, other]) => other - one);
  return sorted.map(([line, count]) => `${count} × ${line}`).join(", ");
}
