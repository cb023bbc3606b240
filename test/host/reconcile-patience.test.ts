import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextRound } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { networks } from "../../abi/networks.js";
import { emptyDocument, withSection, writeDocument } from "../../host/document.js";
import { layoutOf, type Layout } from "../../host/layout.js";
import { HostBusy, revive } from "../../host/reconcile.js";
import { patienceWith } from "../../host/reconcile-patience.js";
import type { ServiceManager } from "../../host/services/unit.js";
import { serviceSectionSchema, type HostDocument } from "../../schema/host.js";
import type { Clock } from "../../system/clock.js";
import { tryLock } from "../../system/lock.js";

const minutes = (count: number): number => count * 60_000;
const section = (more: { shutdownMs?: number; healthyWithinMs?: number } = {}) => {
  const { shutdownMs, ...times } = more;
  return serviceSectionSchema.parse({
    ...{ kind: "service", bundle: `0x${"b".repeat(64)}`, ...times },
    settings: {
      ...{ worker: "w", host: "here", network: networks.testnet, models: ["llama3-8b"], stateFolder: "/h/s" },
      address: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
      inference: { ollamaUrl: "http://127.0.0.1:1" },
      ...(shutdownMs === undefined ? {} : { jobs: { shutdownMs } }),
    },
  });
};
const documentOf = (...services: ReturnType<typeof section>[]): HostDocument =>
  services.reduce(
    (document, desired, index) =>
      withSection(document, { worker: `w${index}`, section: "service", name: undefined, desired }),
    emptyDocument,
  );

test("whoever changes a host is waited for as long as its workers may take to end their jobs, to prove a bundle, and to go back", () => {
  expect(patienceWith(emptyDocument)).toBe(minutes(5));
  const each = 2 * (270_000 + 90_000);
  expect(patienceWith(documentOf(section()))).toBe(minutes(5) + each);
  expect(patienceWith(documentOf(section(), section(), section()))).toBe(minutes(5) + 3 * each);
  const slow = section({ shutdownMs: minutes(10), healthyWithinMs: minutes(1) });
  expect(patienceWith(documentOf(slow))).toBe(minutes(5) + 2 * minutes(11.5));
});

test("a service that is on trial and the one that would be put back may both be stopped: the slower one counts", () => {
  const document = documentOf(section());
  const fallback = section({ shutdownMs: minutes(10) });
  const onTrial = { ...document, workers: { w0: { ...document.workers["w0"]!, fallback } } };
  expect(patienceWith(onTrial)).toBe(patienceWith(documentOf(fallback)));
});

let folder: string;
let layout: Layout;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lf-busy-"));
  layout = layoutOf(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Each look at the lock takes ten seconds; `at` is called when its time has come. */
const clockThat = (at: number, happens: () => void): Clock & { readonly passed: () => number } => {
  let now = 0;
  let isDone = false;
  return {
    now: () => now,
    passed: () => now,
    sleep: async () => {
      now += 10_000;
      if (now >= at && !isDone) {
        isDone = true;
        happens();
      }
      await nextRound();
    },
  };
};
const lookingAt = (clock: Clock) =>
  revive("nobody", "here", { layout, clock, services: {} as ServiceManager, bundle: "" });

test("a run that comes while three workers are upgraded one after another gets its turn after the last of them", async () => {
  await writeDocument(layout.document, documentOf(section(), section(), section()));
  const held = tryLock(layout.reconcileLock)!;
  const clock = clockThat(minutes(18), () => held.release()); // three stops and three trials
  await expect(lookingAt(clock)).resolves.toMatchObject({ changes: [] });
  expect(clock.passed()).toBe(minutes(18));
});

test("a run that others never let have its turn ends with one coded error", async () => {
  await writeDocument(layout.document, documentOf(section()));
  const held = tryLock(layout.reconcileLock)!;
  const clock = clockThat(minutes(60), () => undefined);
  await expect(lookingAt(clock)).rejects.toThrow(HostBusy);
  expect(clock.passed()).toBe(minutes(17));
  held.release();
});
