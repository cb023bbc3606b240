import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../../../system/package-root.js";
import { noMachines, startMachine, type Machine } from "../machines/machine.js";
import { startBridge, type Bridge } from "./bridge.js";
import { environmentFor, noMoto, startMoto } from "./moto.js";

/** A machine that stands for an EC2 instance: its agent takes commands. Nothing of it is reached by SSH. */
export interface TestInstance {
  readonly id: string;
  readonly region: string;
  readonly bucket: string;
  readonly machine: Machine;
  readonly bridge: Bridge;
  /** What an AWS SDK needs to find it. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Why there are no instances here; `undefined` when there are. */
export const noInstances = (): string | undefined => noMachines() ?? noMoto();

const region = "eu-central-1";

/** Boots one, with a bucket beside it. */
export async function startInstance(): Promise<TestInstance> {
  const aws = await startMoto();
  const bridge = await startBridge(aws.endpoint);
  const machine = await startMachine({ network: "host" }).catch(async (error: unknown) => {
    await bridge.stop();
    await aws.stop();
    throw error;
  });
  const stop = async (): Promise<void> => {
    await machine.stop();
    await bridge.stop();
    await aws.stop();
  };
  try {
    const id = `i-${randomBytes(8).toString("hex").slice(0, 17).padEnd(17, "0")}`;
    const bucket = `bundles-${randomBytes(4).toString("hex")}`;
    bridge.add(id, { "lightchain:host": id });
    const made = await fetch(`${bridge.endpoint}/${bucket}`, {
      method: "PUT",
      body: `<CreateBucketConfiguration><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`,
      headers: { authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/s3/aws4_request` },
    });
    if (!made.ok) throw new Error(`no bucket: ${await made.text()}`);
    const agent = await readFile(join(packageRoot(), "test/real/aws/instance-agent.sh"));
    await machine.must(["sh", "-c", "cat >/usr/local/sbin/ssm-agent && chmod 755 /usr/local/sbin/ssm-agent"], agent);
    await machine.must(["sh", "-c", "cat >/etc/systemd/system/ssm-agent.service"], unitOf(bridge.endpoint, id));
    await machine.must(["systemctl", "enable", "--now", "ssm-agent.service"]);
    return { id, region, bucket, machine, bridge, env: { ...environmentFor(bridge.endpoint), AWS_REGION: "" }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const unitOf = (endpoint: string, id: string): string => `[Unit]
After=network.target

[Service]
ExecStart=/usr/local/sbin/ssm-agent
Environment=BRIDGE=${endpoint} INSTANCE=${id}
KillMode=process
Restart=always

[Install]
WantedBy=multi-user.target
`;
