import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { awsMachineSchema, type AwsMachine } from "../../../components/host/aws/args.js";
import { awsChecks } from "../../../components/worker/checks/aws-checks.js";
import { resolveWorker, type ResolvedWorker } from "../../../components/worker/resolve.js";
import { startDevnet, type Devnet } from "../../../devnet/network.js";
import { tool } from "../toolchain.js";
import { startFront, type Front } from "./front.js";
import { useEnvironment } from "./ground.js";
import { environmentFor, noMoto, startMoto, type EmulatedAws } from "./moto.js";

/* What a preview says of a worker in AWS, from a rehearsal network and an emulated AWS. What a region said is kept for a run: each test has a region of its own. */

const model = "tiny-poet:1b";
let folder: string;
let devnet: Devnet;
let moto: EmulatedAws;
let front: Front;
let allowed: number;

/** A worker as a program states it, on a machine in AWS. */
function workerOf(name: string, place: { region: string; account?: string } & Partial<AwsMachine>): ResolvedWorker {
  const { region, account, ...machine } = place;
  const stated = awsMachineSchema.parse({ types: ["g4dn.xlarge"], ...machine });
  const worker = resolveWorker(name, {
    network: devnet.network,
    host: { root: "/h", ollama: "/usr/bin/ollama", ollamaPort: 11500 },
    models: [model],
    store: "file:/keys",
    treasury: { store: "file:/keys", ref: "treasury/8200/main" },
    refundTo: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  });
  const aws = { ...stated, region, ...(account === undefined ? {} : { account }) };
  return { ...worker, host: { aws, ollamaPort: 11500, contextLength: 4_096 } as unknown as ResolvedWorker["host"] };
}

/** What all checks say of it, in their order: a line, nothing, or a refusal's message. */
const said = (worker: ResolvedWorker): Promise<(string | undefined)[]> =>
  Promise.all(awsChecks.map((check) => check.run(worker).catch((error: unknown) => (error as Error).message)));

describe.skipIf(noMoto() !== undefined)(`a preview${noMoto() === undefined ? "" : `: ${noMoto()}`}`, () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lf-aws-checks-"));
    [devnet, moto] = await Promise.all([
      startDevnet({ dir: join(folder, "devnet"), tools: { geth: await tool("geth") } }),
      startMoto(),
    ]);
    front = await startFront(moto.endpoint);
  });
  beforeEach(() => {
    useEnvironment(environmentFor(front.endpoint));
    allowed = 8;
    front.asked.length = 0;
    front.say = (action) => {
      if (action === "GetServiceQuota") return { body: { Quota: { Value: allowed } } };
      return action === "GetParameter" ? { body: { Parameter: { Value: "ami-0123456789abcdef0" } } } : undefined;
    };
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await front.stop();
    await Promise.all([devnet.stop(), moto.stop()]);
    await rm(folder, { recursive: true, force: true });
  });

  test("tells the cost and what a job pays, and asks AWS once for all workers of a region", async () => {
    const [one, other] = await Promise.all([
      said(workerOf("one", { region: "us-east-1" })),
      said(workerOf("other", { region: "us-east-1", account: "123456789012" })),
    ]);
    expect(one[0]).toMatch(
      /^g4dn\.xlarge 0\.526 USD an hour, .*disks of 100 \+ 4 GiB 8\.32 USD a month.*, fees at 1 \/ 10 \/ 60 jobs an hour \(LCAI\): tiny-poet:1b [\d.]+ a job, /,
    );
    expect(one.slice(1)).toEqual([`no figures are known of ${model}; it shows when it is loaded`, undefined]);
    expect(other).toEqual(one);
    expect(front.asked.filter(({ action }) => action === "DescribeInstances")).toHaveLength(1);
  });

  test("refuses all workers for what they need together", async () => {
    allowed = 4;
    const [[one], [other]] = await Promise.all([
      said(workerOf("one", { region: "us-east-2" })),
      said(workerOf("other", { region: "us-east-2" })),
    ]);
    expect(one).toMatch(/^LF1824: In us-east-2 .* may run 4 vCPUs .*; one, other need 8 more\. /);
    expect(other).toBe(one);
  });

  test("refuses one worker for what is its own alone", async () => {
    const [[one], [other]] = await Promise.all([
      said(workerOf("one", { region: "us-west-2", zones: ["us-west-2z"] })),
      said(workerOf("other", { region: "us-west-2" })),
    ]);
    expect(one).toMatch(/^LF1825: In us-west-2 none of the zones us-west-2z /);
    expect(other).toMatch(/^g4dn\.xlarge 0\.526 USD/);
  });

  test("says once what is not known of a region, not for each worker", async () => {
    const answer = front.say;
    front.say = (...asked) =>
      asked[0] === "DescribeInstances" ? { refusal: "UnauthorizedOperation" } : answer(...asked);
    const all = await Promise.all(["one", "other"].map((name) => said(workerOf(name, { region: "ca-central-1" }))));
    expect(all.map(([cost]) => cost)).toEqual([0, 1].map(() => expect.stringMatching(/^g4dn\.xlarge/) as string));
    expect(all.filter(([, warning]) => warning?.includes("LF1830: In ca-central-1") === true)).toHaveLength(1);
  });

  test("refuses another account", async () => {
    const [line] = await said(workerOf("one", { region: "eu-west-1", account: "999988887777" }));
    expect(line).toMatch(/^LF1821: /);
  });

  test("warns of spot where the network slashes, and asks for its price", async () => {
    const [cost, , spot] = await said(workerOf("one", { region: "eu-central-1", spot: true }));
    expect(cost).toMatch(/^g4dn\.xlarge 0\.00001 USD an hour, 0 a month \(spot, eu-central-1[abc], now\)/);
    expect(spot).toMatch(/^LF1831: .* costs [\d.]+ % of the network's minimum stake/);
  });

  test("asks and says nothing of a worker that leaves, or is elsewhere", async () => {
    const leaving = { ...workerOf("one", { region: "eu-west-2", spot: true }), leaving: true };
    expect(await said(leaving)).toEqual([undefined, undefined, undefined]);
    const here = { ...leaving, leaving: false, host: { root: "/h", ollama: "/o", ollamaPort: 11500 } };
    expect(await said(here)).toEqual([undefined, undefined, undefined]);
    expect(front.asked).toEqual([]);
  });
});
