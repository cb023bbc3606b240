/**
 * Branded primitives: values that must not be mixed up because mixing them up costs money. Each is made by its constructor at the
 * edge and trusted inside.
 */
declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** An amount of native LCAI in wei (10^-18 LCAI). Never negative. */
export type Wei = Branded<bigint, "wei">;
/** A point on the chain's own clock: Unix seconds of a block's timestamp. */
export type BlockTime = Branded<bigint, "blockTime">;
/** A duration on the chain's clock, in seconds. */
export type ChainSeconds = Branded<bigint, "chainSeconds">;
/** `0x` and an even number of lower-case hex digits. Structurally viem's `Hex`. */
export type Hex = `0x${string}`;
/** A checksummed 20-byte account or contract address. Structurally viem's `Address`. */
export type Address = `0x${string}`;
/** keccak256 of a model's exact name; the network's identifier of a model (contracts reference §2). */
export type ModelId = Branded<Hex, "modelId">;
/** The network's exact spelling of a model, tag included; the same string Ollama is asked for. */
export type ModelName = Branded<string, "modelName">;
/** A 32-byte keccak256 or versioned hash. */
export type Hash = Hex;
/** Job, session and request ids: uint256 on the wire, above 2^53 in practice. */
export type JobId = Branded<bigint, "jobId">;
/** A session, as SessionManager counts it. */
export type SessionId = Branded<bigint, "sessionId">;
/** A request for a session, as SessionManager counts it. */
export type RequestId = Branded<bigint, "requestId">;

/** Marks a non-negative bigint as wei. @throws RangeError when negative */
export function wei(amount: bigint): Wei {
  if (amount < 0n) throw new RangeError(`an amount of money is never negative: ${amount.toString()} wei`);
  return amount as Wei;
}
/** Marks Unix seconds of a block as block time. @throws RangeError when negative */
export function blockTime(seconds: bigint): BlockTime {
  if (seconds < 0n) throw new RangeError("block time is never negative");
  return seconds as BlockTime;
}
/** Marks a duration in seconds. @throws RangeError when negative */
export function chainSeconds(seconds: bigint): ChainSeconds {
  if (seconds < 0n) throw new RangeError("a duration is never negative");
  return seconds as ChainSeconds;
}
/** Marks a 32-byte hex string as a model id. @throws RangeError when it is not `0x` + 64 hex digits */
export function modelId(hex: string): ModelId {
  if (!/^0x[0-9a-fA-F]{64}$/.test(hex)) throw new RangeError(`not a model id: ${hex}`);
  return hex.toLowerCase() as Hex as ModelId;
}
/** Marks a non-empty string as a model name. @throws RangeError when empty */
export function modelName(name: string): ModelName {
  if (name.length === 0) throw new RangeError("a model's name is never empty");
  return name as ModelName;
}
/** Says that a number is a job's id. */
export const jobId = (id: bigint): JobId => id as JobId;
/** Says that a number is a session's id. */
export const sessionId = (id: bigint): SessionId => id as SessionId;
/** Says that a number is a request's id. */
export const requestId = (id: bigint): RequestId => id as RequestId;

/** Adds amounts of money. */
export const addWei = (...amounts: readonly Wei[]): Wei =>
  wei(amounts.reduce<bigint>((sum, amount) => sum + amount, 0n));
/** `a - b`, or zero where `b` is the larger. */
export const shortfall = (needed: Wei, available: Wei): Wei => wei(needed > available ? needed - available : 0n);
/** `time + duration`. */
export const later = (time: BlockTime, duration: ChainSeconds): BlockTime => blockTime(time + duration);
