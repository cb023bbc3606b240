import { openStore } from "../../../keystore/open-store.js";
import { passphraseFrom } from "../../../keystore/passphrase.js";
import type { RecordRef } from "../../../keystore/store.js";
import { systemClock } from "../../../system/clock.js";

/*
 * A process beside the test: `increment <times>` raises the worker's epoch by compare-and-set, again after each lost race; `hold` takes the record's lease, says so, and
 * keeps it until it is ended.
 */
async function main([url = "", ref = "", task = "", times = "0"]: string[]): Promise<void> {
  const store = openStore(url, { passphrase: passphraseFrom(process.env), clock: systemClock });
  if (task === "hold") {
    await store.lock(ref as RecordRef, 10_000);
    process.stdout.write("held\n");
    setInterval(() => undefined, 1_000);
    return;
  }
  let lost = 0;
  for (let done = 0; done < Number(times);) {
    const { version, record } = await store.read(ref as RecordRef, "worker");
    try {
      await store.update(ref as RecordRef, version, { ...record, epoch: record.epoch + 1 });
      done++;
    } catch (error) {
      if ((error as { code?: unknown }).code !== "LF1105") throw error;
      lost++;
    }
  }
  process.stdout.write(`${lost}\n`);
}

void main(process.argv.slice(2));
