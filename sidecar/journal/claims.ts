import type { DatabaseSync } from "node:sqlite";
import { requestId, type RequestId } from "../../schema/units.js";

/** Reads and writes of the `claims` table. Writes belong inside a transaction of the caller's. */
export function claimRows(database: DatabaseSync) {
  const upsert = database.prepare(
    "INSERT INTO claims (request, outcome) VALUES (?, ?) ON CONFLICT (request) DO UPDATE SET outcome = excluded.outcome",
  );
  // Decimal text without leading zeros sorts as numbers do when the shorter comes first.
  const select = database.prepare("SELECT request FROM claims WHERE outcome = ? ORDER BY length(request), request");
  return {
    set: (request: RequestId, outcome: string): void => void upsert.run(request.toString(), outcome),
    with: (outcome: string): RequestId[] =>
      select.all(outcome).map((row) => requestId(BigInt(row["request"] as string))),
  };
}
