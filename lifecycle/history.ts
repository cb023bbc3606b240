import { parseAbiItem, type PublicClient } from "viem";
import type { Contracts } from "../abi/bootstrap.js";
import { blockTime, jobId, modelId, sessionId } from "../schema/units.js";
import type { Address, JobId, ModelId, SessionId } from "../schema/units.js";
import { answered } from "./node.js";
import type { BlockRef } from "./types.js";

/** What the logs say about a worker, since its registration. Only grows, except for the last blocks, which are read again. */
export interface WorkerHistory {
  /** First and last block that was read. */
  readonly from: bigint;
  readonly to: bigint;
  /** Sessions that were ever this worker's. */
  readonly sessions: ReadonlySet<SessionId>;
  /** Jobs that were ever submitted to it. */
  readonly jobs: ReadonlySet<JobId>;
  /** Models that it ever added. */
  readonly models: ReadonlySet<ModelId>;
}

/** Blocks in one log query; public nodes refuse more (contracts reference §5.2). */
export const logChunk = 5_000n;
/** Blocks that a reorganisation may still change, and so are read again. */
export const unsettledBlocks = 64n;
/** Log queries under way at once. */
const atOnce = 8;
/** Session ids in one filter. */
const idsInFilter = 200;

const events = {
  adopted: parseAbiItem(
    "event SessionAdopted(uint256 indexed sessionId, address indexed user, address indexed worker)",
  ),
  created: parseAbiItem(
    "event SessionCreated(uint256 indexed sessionId, address indexed user, bytes32 indexed modelId, address worker, bytes encWorkerKey, bytes encDisputerKey)",
  ),
  reassigned: parseAbiItem("event SessionReassigned(uint256 indexed sessionId, address newWorker)"),
  submitted: parseAbiItem("event JobSubmitted(uint256 indexed jobId, uint256 indexed sessionId, address worker)"),
  modelAdded: parseAbiItem("event ModelAdded(address indexed worker, bytes32 indexed modelId)"),
  registered: parseAbiItem("event WorkerRegistered(address indexed worker, bytes encryptionPubKey)"),
};

/**
 * Reads a worker's history up to block `to`, in chunks. With `known`, only what came after it.
 * @throws NodeSilent (LF1238)
 */
export async function readHistory(
  client: PublicClient,
  { contracts, worker }: { readonly contracts: Contracts; readonly worker: Address },
  { from, to, known }: { readonly from: bigint; readonly to: bigint; readonly known?: WorkerHistory },
): Promise<WorkerHistory> {
  const usable = known?.from === from ? known : undefined;
  const start = usable && usable.to - unsettledBlocks > from ? usable.to - unsettledBlocks : from;
  const sessions = new Set(usable?.sessions);
  const jobs = new Set(usable?.jobs);
  const models = new Set(usable?.models);
  const chunks = chunksOf(start, to);

  await inTurns(chunks, async (range) => {
    const jobRegistry = { address: contracts.jobRegistry, ...range };
    const [adopted, created, reassigned, added] = await answered(
      Promise.all([
        client.getLogs({ ...jobRegistry, event: events.adopted, args: { worker }, strict: true }),
        client.getLogs({ ...jobRegistry, event: events.created, strict: true }),
        client.getLogs({ ...jobRegistry, event: events.reassigned, strict: true }),
        client.getLogs({
          address: contracts.workerRegistry,
          ...range,
          event: events.modelAdded,
          args: { worker },
          strict: true,
        }),
      ]),
    );
    const isOurs = (address: Address) => address.toLowerCase() === worker.toLowerCase();
    for (const { args } of adopted) sessions.add(sessionId(args.sessionId));
    for (const { args } of created) if (isOurs(args.worker)) sessions.add(sessionId(args.sessionId));
    for (const { args } of reassigned) if (isOurs(args.newWorker)) sessions.add(sessionId(args.sessionId));
    for (const { args } of added) models.add(modelId(args.modelId));
  });

  // The worker is not an indexed part of a submission; its sessions are.
  const filters = slices([...sessions], idsInFilter);
  const queries = chunks.flatMap((range) => filters.map((ids) => ({ range, ids })));
  await inTurns(queries, async ({ range, ids }) => {
    const logs = await answered(
      client.getLogs({
        address: contracts.jobRegistry,
        ...range,
        event: events.submitted,
        args: { sessionId: ids },
        strict: true,
      }),
    );
    for (const { args } of logs) if (args.worker.toLowerCase() === worker.toLowerCase()) jobs.add(jobId(args.jobId));
  });
  return { from, to, sessions, jobs, models };
}

/**
 * The block in which a worker registered last, searched backwards from `to`. For a record that lost it, for instance one that was restored from
 * a backup. `null` when there is no such log.
 */
export async function findRegistration(
  client: PublicClient,
  { contracts, worker }: { readonly contracts: Contracts; readonly worker: Address },
  to: bigint,
): Promise<BlockRef | null> {
  const chunks = chunksOf(0n, to).reverse();
  for (const group of slices(chunks, atOnce)) {
    const logs = await answered(
      Promise.all(
        group.map((range) =>
          client.getLogs({
            address: contracts.workerRegistry,
            ...range,
            event: events.registered,
            args: { worker },
            strict: true,
          }),
        ),
      ),
    );
    const newest = logs.find((found) => found.length > 0)?.at(-1);
    if (newest === undefined) continue;
    const { number, hash, timestamp } = await answered(client.getBlock({ blockNumber: newest.blockNumber }));
    return { number, hash, time: blockTime(timestamp) };
  }
  return null;
}

/** Blocks `from` to `to`, both included, in ranges that nodes answer. */
export function chunksOf(from: bigint, to: bigint): { fromBlock: bigint; toBlock: bigint }[] {
  const chunks = [];
  for (let fromBlock = from; fromBlock <= to; fromBlock += logChunk) {
    const end = fromBlock + logChunk - 1n;
    chunks.push({ fromBlock, toBlock: end < to ? end : to });
  }
  return chunks;
}

const slices = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));

/** Works on all items, a few at a time. */
export async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const one = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, one));
}
