import { join } from "node:path";
import { z } from "zod";
import { runningIn } from "../../../devnet/background.js";
import type { Consumer } from "../../../devnet/consumer/consumer.js";
import { openSecretsManagerStore } from "../../../keystore/secrets-manager-store.js";
import { needleOf, type SecretNeedle } from "../../../keystore/secret-scan.js";
import type { RecordRef, SecretStore } from "../../../keystore/store.js";
import { addressSchema } from "../../../schema/network.js";
import type { Address } from "../../../schema/units.js";
import { prepareStage, type Stage } from "../../../scripts/rehearsal/stage.js";
import { systemClock } from "../../../system/clock.js";
import { freePort } from "../../../system/net.js";
import { runProcess } from "../../../system/process.js";
import type { Planned } from "../../components/host/aws/rules.js";
import { installAwsPlugin } from "../../plugins/install.js";
import { consumerOf, openRehearsal, type Rehearsal } from "../e2e/rehearsal.js";
import { startCloud, type EmulatedCloud } from "./cloud.js";
import { useEnvironment } from "./ground.js";
import { serveOllama } from "./ollama-release.js";

/** A worker of the fleet, and where it is meant to be. */
export interface FleetMember {
  readonly name: string;
  readonly region: string;
  /** The model that it alone serves. */
  readonly model: string;
}

/** Workers in regions of an emulated AWS, by the real engine, on a rehearsal network. */
export interface Fleet {
  readonly cloud: EmulatedCloud;
  readonly rehearsal: Rehearsal;
  readonly members: readonly FleetMember[];
  readonly store: SecretStore;
  readonly consumer: Consumer;
  /** What the engine said so far. */
  readonly said: string[];
  /** The stack with this config beside what the fleet always has. */
  stage(config?: Readonly<Record<string, unknown>>, environment?: Readonly<Record<string, string>>): Promise<Stage>;
  /** The stack's settings of regions and workers. @param more further ones of members, by their names @param shared of every region */
  regions(more?: Readonly<Record<string, object>>, shared?: object): Readonly<Record<string, unknown>>;
  /** Addresses by the members' names, from the stack's outputs. */
  addresses(stage: Stage): Promise<Readonly<Record<string, Address>>>;
  /** The instance that a member is on now. */
  instanceOf(stage: Stage, name: string): Promise<string>;
  /** Everything in the stack's state. */
  state(stage: Stage): Promise<readonly (Planned & { readonly outputs: Readonly<Record<string, unknown>> })[]>;
  /** What an `up` would make or leave as it is, by the engine's own preview. */
  plan(stage: Stage): Promise<readonly Planned[]>;
  /** Asks for an answer of a member's model, and verifies it. */
  answered(member: FleetMember): Promise<void>;
  needles(): Promise<SecretNeedle[]>;
  end(): Promise<void>;
}

/**
 * @param options.spot whether the second member is on spot
 * @param options.alone whether there is the first one only
 * @param options.ownKey whether their store makes a KMS key of its own
 * @param options.shared settings of every region
 */
export async function openFleet({
  spot = false,
  alone = false,
  ownKey = false,
  shared: always = {},
}: {
  readonly spot?: boolean;
  readonly alone?: boolean;
  readonly ownKey?: boolean;
  readonly shared?: object;
} = {}): Promise<Fleet> {
  const ends: (() => Promise<unknown>)[] = [];
  const end = async (): Promise<void> => {
    for (const one of ends.reverse()) await one().catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
  };
  try {
    const rehearsal = await openRehearsal();
    ends.push(() => rehearsal.end());
    const cloud = await startCloud();
    ends.push(() => cloud.stop());
    const ollama = await serveOllama(rehearsal.tools.ollama);
    ends.push(() => ollama.stop());
    await installAwsPlugin(rehearsal.folders.pulumiHome);
    const { models } = (await runningIn(rehearsal.folders.network))!;
    const [one, two] = models;
    if (one === undefined || two === undefined) throw new Error("the rehearsal network has fewer than two models");
    const members: FleetMember[] = [
      { name: "anna", region: "eu-central-1", model: one.name },
      ...(alone ? [] : [{ name: "berta", region: "us-west-2", model: two.name }]),
    ];
    const ports = await Promise.all(members.map(() => freePort()));
    const home = join(rehearsal.folders.root, "operator");
    const environment = { ...cloud.env, HOME: home };
    useEnvironment(cloud.env);
    const place = { region: "eu-central-1", prefix: "fleet", kms: ownKey ? "own" : null };
    const store = openSecretsManagerStore(place, systemClock, { folder: join(home, "reader") });
    const said: string[] = [];

    const regions: Fleet["regions"] = (more = {}, shared = always) =>
      Object.fromEntries(
        members.map(({ name, region, model }, at) => {
          const pulled = models.find((known) => known.name === model)!;
          const worker = {
            ...{ types: ["g6.xlarge", "g5.xlarge"], gpu: "none", ollamaPort: ports[at], bootMs: 120_000 },
            models: [{ name: model, source: pulled.pull, insecure: true }],
            ...(spot && name === "berta" ? { spot: true } : {}),
            ...more[name],
          };
          return [region, { ...shared, workers: { [name]: worker } }];
        }),
      );
    const base = { kind: "aws", ollamaRelease: ollama.release, store: store.url };
    const stage: Fleet["stage"] = (config = {}, further = {}) =>
      prepareStage(
        ...([rehearsal.folders, rehearsal.tools, rehearsal.network, (line: string) => void said.push(line)] as const),
        { ...base, regions: regions(), ollama: undefined, ollamaPort: undefined, ...config },
        { ...environment, ...further },
      );
    const exported = async (stageNow: Stage): Promise<z.infer<typeof exportSchema>["deployment"]["resources"]> => {
      const { stdout: text } = await runProcess("pulumi", ["stack", "export", "--stack", "devnet"], {
        cwd: rehearsal.folders.project,
        env: stageNow.environment,
      });
      return exportSchema.parse(JSON.parse(text)).deployment.resources;
    };
    const state: Fleet["state"] = async (stageNow) =>
      (await exported(stageNow)).map(({ urn, type, inputs, outputs }) => ({
        ...{ type, inputs, outputs },
        name: urn.split("::").at(-1) ?? "",
      }));
    const plan: Fleet["plan"] = async (stageNow) => {
      const { code, stdout, stderr } = await runProcess(
        "pulumi",
        ["preview", "--json", "--show-sames", "--stack", "devnet", "--non-interactive"],
        { cwd: rehearsal.folders.project, env: stageNow.environment },
      );
      if (code !== 0) throw new Error(`no plan: ${stdout}\n${stderr}`);
      return planSchema.parse(JSON.parse(stdout)).steps.map(({ urn, newState: { type, inputs } }) => ({
        ...{ type, inputs },
        name: urn.split("::").at(-1) ?? "",
      }));
    };
    const { network, accountsFile } = await stage();
    const consumer = await consumerOf(network, accountsFile);
    return {
      ...{ cloud, rehearsal, members, store, consumer, said, stage, regions, state, plan, end },
      addresses: async ({ engine }) => {
        const { workers } = outputsSchema.parse(await engine.outputs());
        return Object.fromEntries(Object.entries(workers).map(([name, { worker }]) => [name, worker]));
      },
      instanceOf: async (stageNow, name) => {
        const found = (await state(stageNow)).find((one) => one.type === instanceType && one.name === `${name}-host`);
        return String(found!.outputs["id"]);
      },
      answered: async ({ model }) => {
        const session = await consumer.requestSession(model);
        const { verified } = await consumer.ask(session, "Tell me about the river.");
        if (verified !== "verified") throw new Error(`${model}: ${verified}`);
        await consumer.closeSession(session);
      },
      needles: async () => {
        const refs = members.map(({ name }): RecordRef => `worker/${network.chainId}/${name}`);
        const records = await Promise.all(refs.map((ref) => store.read(ref, "worker")));
        return records.flatMap(({ record }) => [
          needleOf(`${record.name}'s signing key`, record.signingKey),
          needleOf(`${record.name}'s encryption key`, record.encryptionKey),
        ]);
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

const instanceType = "aws:ec2/instance:Instance";
const outputsSchema = z.looseObject({ workers: z.record(z.string(), z.looseObject({ worker: addressSchema })) });
const exportSchema = z.looseObject({
  deployment: z.looseObject({
    resources: z.array(
      z.looseObject({
        urn: z.string(),
        type: z.string(),
        inputs: z.record(z.string(), z.unknown()).default({}),
        outputs: z.record(z.string(), z.unknown()).default({}),
      }),
    ),
  }),
});
const planSchema = z.looseObject({
  steps: z.array(
    z.looseObject({
      urn: z.string(),
      newState: z.looseObject({ type: z.string(), inputs: z.record(z.string(), z.unknown()).default({}) }),
    }),
  ),
});
