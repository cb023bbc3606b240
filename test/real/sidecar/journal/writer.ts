import { writeSync } from "node:fs";
import { jobId, modelId, sessionId } from "../../../../schema/units.js";
import { openJournal } from "../../../../sidecar/journal/sqlite-journal.js";
import { answerTo, identity, sentTxOf } from "./expected.js";

/** Works on one job after the other as fast as it can, and says what is written down. Killed by its parent. */
const journal = openJournal(process.argv[2] ?? "", identity);
const first = BigInt(process.argv[3] ?? "0");
for (let number = first; ; number++) {
  const id = jobId(number);
  journal.see({ id, session: sessionId(1n), model: modelId(`0x${"00".repeat(32)}`), submitBlock: number });
  journal.advance(id, "acked");
  journal.advance(id, "answered", { ciphertext: answerTo(number) });
  journal.recordSent(sentTxOf(number));
  journal.advance(id, "completing");
  writeSync(1, `${number}\n`);
}
