import { randomBytes, randomInt } from "node:crypto";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { bytesToHex, hexToBytes } from "viem";
import { createLocalSigner } from "../keystore/local-signer.js";
import { SessionKeyError, unwrapSessionKey } from "../protocol/session-key.js";
import { bundleManifestSchema } from "../schema/bundle.js";
import { describeError, FleetError } from "../schema/errors.js";
import { type Settings, settingsSchema } from "../schema/settings.js";
import { systemClock } from "../system/clock.js";
import { journalName, sidecarLockName } from "../system/control-client.js";
import { type Exit, ownExit } from "../system/exit.js";
import { ensureFolder } from "../system/files.js";
import { tryLock } from "../system/lock.js";
import { branching, type Branching, createLogger, type Logger } from "../system/log.js";
import { createBlobs } from "./adapters/blobs.js";
import { connectChain } from "./adapters/chain.js";
import { startCloudWatch } from "./adapters/cloudwatch.js";
import { serveControl } from "./adapters/control-socket.js";
import { leastFree } from "./adapters/disks.js";
import { connectGateway } from "./adapters/gateway.js";
import { startMetricsServer } from "./adapters/metrics-server.js";
import { createInterruptions, type Interruption } from "./adapters/interruptions.js";
import { createOllama } from "./adapters/ollama.js";
import { type Credentials, parseSecretSource, readCredentials, type SecretSource } from "./adapters/secrets.js";
import { createChainTime } from "./chain-time.js";
import { WrongKey } from "./errors.js";
import type { Journal } from "./journal.js";
import { openJournal } from "./journal/sqlite-journal.js";
import { MachineTakenBack } from "./lifecycle/troubles.js";
import { createMetrics } from "./metrics/metrics.js";
import type { Identity, Parts } from "./parts.js";
import type { KeyUse, Transactions } from "./ports.js";
import { createSidecar, type SidecarEnd } from "./sidecar.js";
import { soleSigner } from "./sole-signer.js";
import { exitCodeFor } from "./startup/exit-codes.js";
import { alreadyRunning, badCommandLine, badSettings } from "./startup/refusals.js";
import { createTransactions } from "./transactions/manager.js";

/** After everything was asked to stop, the process ends anyway after this long, in ms. */
const closeMs = 20_000;

/** The sidecar as a program: `node main.js --settings FILE --secrets fd:3|file:PATH`. Exit codes: docs/sidecar.md. */
async function main(): Promise<void> {
  const lines = branching();
  const log = createLogger("sidecar", { destination: lines.destination });
  const exit = ownExit(log, closeMs);
  try {
    const { settingsPath, secretSource } = readCommandLine();
    const settings = readSettings(settingsPath);
    log.level = settings.logLevel;
    await run(settings, readCredentials(secretSource, settings), exit, log, lines);
  } catch (error) {
    const code = exitCodeFor(error);
    if (error instanceof FleetError) log.fatal({ code: error.code, fix: error.fix, exit: code }, error.summary);
    else log.fatal({ err: error, exit: code }, "the sidecar could not start");
    await exit.leave(code);
  }
}

function readCommandLine(): { settingsPath: string; secretSource: SecretSource } {
  try {
    const { values } = parseArgs({ options: { settings: { type: "string" }, secrets: { type: "string" } } });
    if (values.settings === undefined || values.secrets === undefined)
      throw new Error("--settings or --secrets is missing");
    return { settingsPath: values.settings, secretSource: parseSecretSource(values.secrets) };
  } catch (error) {
    if (error instanceof FleetError) throw error;
    throw badCommandLine(describeError(error));
  }
}

function readSettings(path: string): Settings {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw badSettings(path, describeError(error), error);
  }
  const settings = settingsSchema.safeParse(json);
  if (settings.success) return settings.data;
  throw badSettings(path, settings.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "));
}

async function run(
  settings: Settings,
  credentials: Credentials,
  exit: Exit,
  log: Logger,
  lines: Branching,
): Promise<void> {
  const { secret, signingKey, encryption } = credentials;
  await ensureFolder(settings.stateFolder, "private");
  const held = tryLock(join(settings.stateFolder, sidecarLockName));
  if (held === undefined) throw alreadyRunning(settings.stateFolder);
  exit.onLeave(() => held.release());

  const clock = systemClock;
  const metrics = createMetrics({ diskFree: () => leastFree([settings.stateFolder, "/"]) }); // the root has logs and models
  const { cloudwatch } = settings;
  if (cloudwatch !== null) {
    const about = { worker: settings.worker, cloudwatch };
    const told = startCloudWatch({ settings: about, registry: metrics.registry, lines, log, clock });
    exit.onLeave(() => told.close());
  }
  const notices = settings.interruptions === "ec2" ? createInterruptions({ log }) : undefined;
  const due = await notices?.look();
  // The machine is about to go: whoever began now would be cut off. It is tried again, in case that it does not.
  if (due != null) return leaveBecause(due, exit, log);

  const key = hexToBytes(signingKey);
  const { network } = settings;
  const late: { journal?: Journal; transactions?: Transactions } = {};
  const use = async (): Promise<KeyUse> => (await late.transactions?.useOfKey()) ?? "unclear";
  const signer = soleSigner(createLocalSigner(key), { use, clock });
  key.fill(0);
  const connected = await connectChain({
    network,
    worker: settings.address,
    settings: settings.chain,
    sent: () => late.journal?.allTransactions() ?? [],
    clock,
    log: log.child({ part: "chain" }),
  });
  exit.onLeave(() => connected.close());
  const { chain, node, contracts } = connected;
  const journal = openJournal(join(settings.stateFolder, journalName), {
    chainId: network.chainId,
    jobRegistry: contracts.jobRegistry,
    worker: settings.address,
  });
  late.journal = journal;
  exit.onLeave(() => journal.close());

  if (settings.metricsPort !== null) {
    const server = await startMetricsServer(metrics.registry, settings.metricsPort, log);
    exit.onLeave(() => server?.close());
  }
  const program = dirname(realpathSync(process.argv[1] ?? "."));
  const blobs = createBlobs({
    network,
    settings: settings.jobs,
    kzgWorker: firstExisting([join(program, "kzg-worker.js"), join(program, "kzg", "worker.js")]),
    ...nativeKzg(join(program, "kzg.node")),
    clock,
    log: log.child({ part: "blobs" }),
  });
  exit.onLeave(() => blobs.close());
  const transactions = createTransactions({
    node,
    signer,
    journal,
    blobs,
    clock,
    settings: settings.chain,
    log: log.child({ part: "transactions" }),
    onHead: (listener) => chain.onHead(listener),
    mark: BigInt(randomInt(4_096)),
  });
  late.transactions = transactions;
  const identity: Identity = {
    worker: settings.address,
    host: settings.host,
    epoch: secret.epoch,
    refundTo: secret.refundTo,
    encryptionKey: bytesToHex(encryption.publicKey),
    bundle: bundleHash(program),
    toldToLeave: secret.leaving ? secret.generation : 0,
  };
  const parts: Parts = {
    ports: {
      chain,
      transactions,
      blobs,
      ...connectGateway({ url: network.endpoints.gateway, signer, clock, log: log.child({ part: "gateway" }) }),
      inference: createOllama(settings.inference, log.child({ part: "ollama" })),
      signer,
      unwrap: (wrapped) => {
        try {
          return unwrapSessionKey(wrapped, encryption);
        } catch (error) {
          if (error instanceof SessionKeyError) throw new WrongKey(error.fault, { cause: error });
          throw error;
        }
      },
      alarm: {
        raise: (code, summary) => {
          metrics.alarms.inc({ code });
          log.error({ event: "alarm", code }, summary);
        },
      },
      random: (length) => new Uint8Array(randomBytes(length)),
    },
    ...{ journal, settings, identity, contracts, clock, log, metrics },
    time: createChainTime(clock),
  };
  const sidecar = createSidecar(parts);
  exit.onLeave(() => sidecar.stop());
  const control = await serveControl({
    stateFolder: settings.stateFolder,
    handle: async (request) => sidecar.handle(request),
    log: log.child({ part: "control" }),
  });
  exit.onLeave(() => control.close());
  log.info({ worker: settings.address, host: settings.host, epoch: secret.epoch, bundle: identity.bundle }, "starting");
  const asked = new Promise<SidecarEnd>((resolve) => {
    const stop = (): void => resolve({ exit: 0, because: null });
    if (exit.asked.aborted) stop();
    exit.asked.addEventListener("abort", stop, { once: true });
  });
  const started = sidecar.start().then(() => log.info({ mode: sidecar.status().mode }, "started"));
  const interrupted = notices?.next(exit.asked) ?? new Promise<never>(() => undefined);
  const end = await Promise.race([
    started.then(() => Promise.race([asked, sidecar.ended, interrupted])),
    asked,
    interrupted,
  ]);
  if ("what" in end) {
    const at = new Date(end.atMs).toISOString();
    log.warn({ event: "interruption", what: end.what, at }, "the machine will stop");
    parts.ports.alarm.raise("LF1464", new MachineTakenBack(settings.worker, end.what, at).summary);
    await sidecar.drain(Math.max(0, Math.min(settings.jobs.shutdownMs, end.atMs - Date.now() - flushMs)));
    return leaveBecause(end, exit, log);
  }
  if (end.because !== null) log.fatal({ err: end.because, exit: end.exit }, "ending");
  if (end.exit === 0) await sidecar.drain(settings.jobs.shutdownMs);
  await exit.leave(end.exit);
}

/** What is kept of the time until the machine stops, to close everything (ms). */
const flushMs = 10_000;

/** Try again: a stop that never comes is survived, and one that comes is not taken for the end. */
async function leaveBecause({ what, atMs }: Interruption, exit: Exit, log: Logger): Promise<void> {
  log.warn({ what, at: new Date(atMs).toISOString() }, "making way for the machine's stop");
  await exit.leave(75);
}

const firstExisting = (paths: readonly string[]): string | null => paths.find((path) => existsSync(path)) ?? null;
const nativeKzg = (path: string): { nativeKzg?: string } => (existsSync(path) ? { nativeKzg: path } : {});

function bundleHash(program: string): string {
  const manifest = join(program, "manifest.json");
  if (!existsSync(manifest)) return "source";
  return bundleManifestSchema.parse(JSON.parse(readFileSync(manifest, "utf8"))).hash;
}

void main();
