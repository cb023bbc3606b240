import { randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { getHttpRpcClient } from "viem/utils";
import { systemClock } from "../../system/clock.js";
import { ensureFolder, readIfPresent, writeAtomically } from "../../system/files.js";
import { freePort } from "../../system/net.js";
import { runProcess, startProcess, stopProcess } from "../../system/process.js";
import { GethDidNotStart } from "../errors.js";
import type { Genesis } from "./genesis.js";
import { recordOwner, stopOrphan } from "./orphan.js";

/** What geth is started with. */
export interface GethOptions {
  /** Path of the geth program (1.17). */
  readonly program: string;
  /** Folder of this node; chain data, JWT secret and log lie in it. Made if missing. */
  readonly dir: string;
  /** First state of the chain; used only when the folder has no chain yet. */
  readonly genesis: Genesis;
  /** How long it may take until RPC answers, in ms. Default 30,000. */
  readonly readyWithinMs?: number;
}

/** A running geth. All its ports are on loopback and chosen anew at each start. */
export interface Geth {
  readonly httpUrl: string;
  readonly wsUrl: string;
  /** The Engine API. */
  readonly engineUrl: string;
  /** HS256 key of the Engine API's tokens. */
  readonly jwtSecret: Uint8Array;
  readonly pid: number;
  /** Resolves when it has ended, and says how; after {@link stop} too. */
  readonly ended: Promise<string>;
  /** Asks it to stop and waits until it is gone; it keeps its head and its pool. */
  stop(): Promise<void>;
}

/**
 * Starts geth without peers or discovery and resolves when RPC and Engine API answer. Keeps the state of the last 128 blocks, as full nodes
 * do.
 * @throws GethDidNotStart (LF1020) when it ends or stays silent, with the end of its log
 */
export async function startGeth(options: GethOptions): Promise<Geth> {
  await ensureFolder(options.dir, "private");
  await stopOrphan(options.dir, systemClock);
  await initialise(options);
  const jwtSecret = await jwtSecretOf(options.dir);
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(options, jwtSecret);
    } catch (error) {
      // Another program may have taken one of the ports between choosing and listening.
      const portLost = error instanceof GethDidNotStart && error.summary.includes("address already in use");
      if (!portLost || attempt === 3) throw error;
    }
  }
}

async function launch(options: GethOptions, jwtSecret: Uint8Array): Promise<Geth> {
  const [port, enginePort] = [await freePort(), await freePort()];
  const log = await open(join(options.dir, "geth.log"), "w", 0o600);
  const child = startProcess(options.program, gethArguments(options, port, enginePort), {
    stdio: ["ignore", log.fd, log.fd],
    env: { HOME: options.dir },
    detached: true, // Ctrl-C in a terminal goes to all of a group, and geth has to outlive the driver
  });
  await log.close();
  let ended: string | undefined;
  const ending = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`it could not be run (${error.message})`));
    child.once("exit", (code, signal) => resolve(`it ended with ${signal ?? `code ${code ?? "unknown"}`}`));
  });
  void ending.then((how) => (ended = how));
  if (child.pid !== undefined) await recordOwner(options.dir, child.pid);

  const httpUrl = `http://127.0.0.1:${port}`;
  const engineUrl = `http://127.0.0.1:${enginePort}`;
  const within = options.readyWithinMs ?? 30_000;
  const end = systemClock.now() + within;
  while (!((await answers(httpUrl)) && (await answers(engineUrl)))) {
    const late = systemClock.now() > end;
    if (ended === undefined && !late) {
      await systemClock.sleep(20);
      continue;
    }
    const why = ended ?? `no answer within ${within / 1000} s`;
    await stopProcess(child);
    throw new GethDidNotStart(why, await logOf(options.dir));
  }
  return {
    httpUrl,
    wsUrl: `ws://127.0.0.1:${port}`,
    engineUrl,
    jwtSecret,
    pid: child.pid ?? 0,
    ended: ending,
    stop: () => stopProcess(child, 30_000),
  };
}

function gethArguments(options: GethOptions, port: number, enginePort: number): string[] {
  const { dir, genesis } = options;
  const modules = "eth,net,web3,txpool,debug";
  return [
    ...[
      "--config",
      join(dir, "geth.toml"),
      "--datadir",
      join(dir, "data"),
      "--networkid",
      String(genesis.config.chainId),
    ],
    ...["--syncmode", "full", "--nodiscover", "--maxpeers", "0", "--nat", "none", "--ipcdisable", "--verbosity", "2"],
    ...["--http", "--http.addr", "127.0.0.1", "--http.port", String(port), "--http.api", modules],
    ...["--ws", "--ws.addr", "127.0.0.1", "--ws.port", String(port), "--ws.api", modules],
    ...[
      "--authrpc.addr",
      "127.0.0.1",
      "--authrpc.port",
      String(enginePort),
      "--authrpc.jwtsecret",
      join(dir, "jwt.hex"),
    ],
    ...["--cache", "256"],
  ];
}

/** Makes the chain's first state, unless the folder has a chain. */
async function initialise(options: GethOptions): Promise<void> {
  const { dir } = options;
  // An empty listen address keeps geth from listening for peers on every interface; no flag says so.
  await writeAtomically(join(dir, "geth.toml"), '[Node.P2P]\nListenAddr = ""\n', "private");
  const marker = join(dir, "initialised");
  if ((await readIfPresent(marker)) !== undefined) return;
  const genesisFile = join(dir, "genesis.json");
  await writeAtomically(genesisFile, JSON.stringify(options.genesis), "private");
  const args = ["init", "--datadir", join(dir, "data"), genesisFile];
  const result = await runProcess(options.program, args, { env: { HOME: dir } }).catch((cause: unknown) => {
    throw new GethDidNotStart("it could not be run", { file: options.program, tail: "" }, cause);
  });
  if (result.code !== 0)
    throw new GethDidNotStart("`geth init` failed", { file: genesisFile, tail: lastLines(result.stderr) });
  await writeAtomically(marker, "", "private");
}

async function jwtSecretOf(dir: string): Promise<Uint8Array> {
  const file = join(dir, "jwt.hex");
  const known = await readIfPresent(file);
  if (known !== undefined) return Buffer.from(known, "hex");
  const secret = randomBytes(32);
  await writeAtomically(file, secret.toString("hex"), "private");
  return secret;
}

/** Whether something speaks HTTP there: the Engine API answers 401 without a token, and that will do. */
const answers = (url: string): Promise<boolean> =>
  getHttpRpcClient(url, { timeout: 1000 })
    .request({ body: { method: "eth_chainId" } })
    .then(
      () => true,
      (error: unknown) => error instanceof Error && "status" in error && error.status === 401,
    );

async function logOf(dir: string): Promise<{ file: string; tail: string }> {
  const file = join(dir, "geth.log");
  return { file, tail: lastLines((await readIfPresent(file)) ?? "") };
}

const lastLines = (text: string): string => text.trimEnd().split("\n").slice(-12).join("\n");
