import type { Command } from "commander";
import { parseTransaction } from "viem";
import { isProvenGone, takeBack } from "../../../components/keys/holder.js";
import { emptiness, lookOut, walkOut, type Leaver, type WayOut } from "../../../components/keys/way-out.js";
import { readNetwork } from "../../../components/worker/network-file.js";
import type { ConvergeOutcome, StepEvent, WaitStep } from "../../../lifecycle/apply.js";
import { lcai } from "../../../lifecycle/money.js";
import { parsePurpose } from "../../../lifecycle/purpose.js";
import type { Observed } from "../../../lifecycle/types.js";
import type { WorkerRecord } from "../../../keystore/store.js";
import { FleetError } from "../../../schema/errors.js";
import type { Network } from "../../../schema/network.js";
import { confirm } from "../confirm.js";
import { isoOf, NotYet, OtherNetwork, StillHeld } from "./errors.js";
import { openPlace, recoveryFolder } from "./place.js";
import { renderRecovery } from "./quote.js";
import { maxGasPriceOf, recoverFrom, sameAgain, type RecoverFrom, type RecoverOptions } from "./request.js";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Adds `recover`: the way back to a worker's money when its machine, stack or node is lost. */
export function addRecoverCommand(program: Command): void {
  program
    .command("recover")
    .description("bring stake and earnings back with nothing but the keys: from a backup, or from a store's record")
    .option("--backup <file>", "a sealed backup of the worker's record")
    .option("--with <file>", "secret half of the recovery key that the backup was sealed to")
    .option("--store <url>", "where the record is, or goes; default with a backup: ./lightchain-recovery")
    .option("--ref <record>", "the store's record, for instance worker/8200/home")
    .requiredOption("--network <name>", "testnet, mainnet, or the path of a network.json")
    .option("--rpc <url>", "another node than the network's usual one")
    .option("--holder-gone <word>", "<host>#<epoch> of a former holder that is gone for good")
    .option("--max-gas-price <gwei>", "most that is paid for a unit of gas; default 100")
    .option("--wait", "stay until everything is back, for a day if need be")
    .option("-y, --yes", "go on without being asked")
    .action(recover);
}

async function recover(options: RecoverOptions): Promise<void> {
  const from = recoverFrom(options);
  const maxGasPrice = maxGasPriceOf(options);
  const network = networkOf(options);
  const { store, ref, how } = await openPlace(from, process.env, recoveryFolder());
  say(how);
  const leaver: Leaver = { store, ref, network };
  const turn = await store.turn(ref, turnWaitMs);
  try {
    await work(leaver, from, options, maxGasPrice);
  } finally {
    turn.release();
  }
}

/** Another run on the same worker, an `up` or a `recover`, is not waited for: it could take hours. */
const turnWaitMs = 2_000;

async function work(
  leaver: Leaver,
  from: RecoverFrom,
  options: RecoverOptions,
  maxGasPrice: bigint | undefined,
): Promise<void> {
  const { store, ref, network } = leaver;
  const { record } = await store.read(ref, "worker");
  if (record.chainId !== network.chainId || record.workerRegistry !== network.contracts.workerRegistry)
    throw new OtherNetwork(record, network);
  const found = await lookOut(leaver);
  say(renderRecovery(found, from.kind));
  const word = options.holderGone ?? process.env["LIGHTCHAIN_HOLDER_GONE"];
  if (found.plan.steps.length === 0) return nothingLeft(leaver, found);
  if (!isProvenGone(record, word)) throw new StillHeld(record, sameAgain(options));
  if (options.yes !== true) await confirm("Leave the network with this key, and send everything back?");
  if ((await takeBack(store, ref, word)) === undefined) throw new StillHeld(record, sameAgain(options));

  const outcome = await walkOut(leaver, {
    mayWait: mayWait(options.wait === true),
    onStep: teller(say),
    ...(maxGasPrice === undefined ? {} : { maxGasPrice }),
  });
  await end(outcome, leaver, options);
}

function networkOf({ network, rpc }: RecoverOptions): Network {
  const known = readNetwork(network);
  return rpc === undefined ? known : { ...known, endpoints: { ...known.endpoints, rpc } };
}

/** Waits on the chain's clock that are stayed for in any case (s). */
const shortWait = 60n;

/** Which waits a run stays for. Pure. */
export const mayWait =
  (always: boolean) =>
  ({ until }: Pick<WaitStep, "until">, { at }: Pick<Observed, "at">): boolean =>
    always || until.kind === "transaction" || (until.kind === "time" && until.time <= at.time + shortWait);

/** Tells what happens, each wait once. */
export function teller(tell: (line: string) => void): (event: StepEvent) => void {
  let last = "";
  return (event) => {
    switch (event.kind) {
      case "sending":
        return tell(`… ${event.step.summary}`);
      case "mined":
        return tell(
          `  ${event.mined.status === "success" ? "done" : "failed"}: ${event.mined.hash}, gas ${lcai(event.mined.fee)} LCAI`,
        );
      case "rehearsing":
        return;
      case "waiting": {
        const { until, because } = event.step;
        const line = `… waiting${until.kind === "time" ? ` until ${isoOf(until.time)} on the chain's clock` : ""}: ${because}`;
        if (line !== last) tell(line);
        last = line;
      }
    }
  };
}

async function end(outcome: ConvergeOutcome, { store, ref }: Leaver, options: RecoverOptions): Promise<void> {
  const { record } = await store.read(ref, "worker");
  switch (outcome.kind) {
    case "waiting":
      throw new NotYet(record.name, outcome.until, outcome.because, sameAgain(options));
    case "blocked": {
      const [first] = outcome.blockers;
      if (first !== undefined) throw new FleetError(first.code, first.summary, { fix: first.fix });
      throw new Error("a plan is blocked by nothing");
    }
    case "done":
      await store.archive(ref, emptiness(outcome.observed));
      say(
        `Worker ${record.name} has left the network. ${lcai(sweptBy(record))} LCAI went to ${record.refundTo}. Its record is archived.`,
      );
  }
}

async function nothingLeft({ store, ref }: Leaver, { record, observed }: WayOut): Promise<void> {
  if (record.archived === null && record.holder === null) await store.archive(ref, emptiness(observed));
  say(
    `Nothing is left on the chain under worker ${record.name}'s key. ${lcai(sweptBy(record))} LCAI went to ${record.refundTo} from here.`,
  );
}

/** What a record's own sweeps moved in its generation, in wei. Pure. */
export const sweptBy = ({ sent, generation }: Pick<WorkerRecord, "sent" | "generation">): bigint =>
  sent
    .filter(({ outcome }) => outcome === "mined")
    .filter(({ purpose }) => {
      const parsed = parsePurpose(purpose);
      return parsed?.kind === "sweep" && parsed.generation === generation;
    })
    .reduce((sum, { raw }) => sum + (parseTransaction(raw).value ?? 0n), 0n);
