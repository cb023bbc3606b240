import type { DatabaseSync } from "node:sqlite";
import { servingSchema, type Serving } from "../../schema/control.js";
import { toJson } from "../../schema/json.js";
import { blockTime, type BlockTime, type Hash } from "../../schema/units.js";
import { JournalViolation, type Journal } from "../journal.js";

/** Single values by name, and the scan cursors. */
export type Facts = ReturnType<typeof factRows>;

/** Reads and writes of the `facts` and `cursors` tables. Writes belong inside a transaction of the caller's. */
export function factRows(database: DatabaseSync) {
  const select = database.prepare("SELECT value FROM facts WHERE name = ?");
  const upsert = database.prepare(
    "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
  );
  const remove = database.prepare("DELETE FROM facts WHERE name = ?");
  const selectCursor = database.prepare("SELECT block FROM cursors WHERE name = ?");
  selectCursor.setReadBigInts(true);
  const upsertCursor = database.prepare(
    "INSERT INTO cursors (name, block) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET block = excluded.block",
  );

  const get = (name: string): string | undefined => select.get(name)?.["value"] as string | undefined;
  const set = (name: string, value: string): void => void upsert.run(name, value);
  const count = (name: string): number => Number(get(name) ?? "0");

  return {
    get,
    set,
    remove: (name: string): void => void remove.run(name),
    /** A counter; 0 until set. */
    count,
    /** Sets a counter that must never fall. @throws JournalViolation */
    raise: (name: string, value: number): void => {
      if (value < count(name)) throw new JournalViolation(`${name} never falls (${count(name)} to ${value})`);
      set(name, String(value));
    },
    cursor: (name: string): bigint | undefined => selectCursor.get(name)?.["block"] as bigint | undefined,
    moveCursor: (name: string, block: bigint): void => void upsertCursor.run(name, block),
    serving: (): Serving | undefined => {
      const text = get("serving");
      return text === undefined ? undefined : servingSchema.parse(JSON.parse(text));
    },
    setServing: (serving: Serving): void => set("serving", toJson(serving)),
    epoch: (): ReturnType<Journal["epoch"]> => {
      const nonce = get("epochNonce");
      if (nonce === undefined) return undefined;
      const since = get("epochSince") ?? ""; // empty, or left out by an older version: it is the first
      return { epoch: count("epoch"), nonce: Number(nonce), since: since === "" ? null : blockTime(BigInt(since)) };
    },
    setEpoch: (epoch: number, nonce: number, since: BlockTime | null): void => {
      if (epoch < count("epoch")) throw new JournalViolation(`the epoch never falls (${count("epoch")} to ${epoch})`);
      set("epoch", String(epoch));
      set("epochNonce", String(nonce));
      set("epochSince", since === null ? "" : since.toString());
    },
    registeredAt: (): { number: bigint; hash: Hash } | undefined => {
      const [number, hash] = get("registeredAt")?.split(" ") ?? [];
      return number === undefined || hash === undefined ? undefined : { number: BigInt(number), hash: hash as Hash };
    },
    setRegisteredAt: (block: { number: bigint; hash: Hash }): void =>
      set("registeredAt", `${block.number.toString()} ${block.hash}`),
  };
}
