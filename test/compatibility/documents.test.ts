import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { z } from "zod";
import { describe, expect, test } from "vitest";
import { unitSchema } from "../../host/services/unit.js";
import { stretch } from "../../keystore/kdf.js";
import { canonicalJson, type Plain } from "../../keystore/canonical-json.js";
import { decodeRecord, encodeRecord } from "../../keystore/record-codec.js";
import { openSealed, readSealed, sealingOf } from "../../keystore/sealed-file.js";
import { controlReplySchema, statusSchema } from "../../schema/control.js";
import { documentSchema, hostFactsSchema, hostVerbs } from "../../schema/host.js";
import { workerSecretSchema } from "../../schema/secrets.js";
import { settingsSchema } from "../../schema/settings.js";
import { factRows } from "../../sidecar/journal/facts.js";
import { jobRows } from "../../sidecar/journal/jobs.js";
import { migrate } from "../../sidecar/journal/schema.js";
import { transactionRows } from "../../sidecar/journal/transactions.js";
import { packageRoot } from "../../system/package-root.js";
import { fixtures, stillReads, withNewFields } from "./fixtures.js";

const documents: readonly (readonly [file: string, what: string, schema: z.ZodType])[] = [
  ["document.json", "a host's document", documentSchema],
  ["settings.json", "the sidecar's settings", settingsSchema],
  ["unit.json", "a supervisor's unit", unitSchema.nullable()],
  ["facts.json", "what a host says of itself", hostFactsSchema],
  ["status.json", "a sidecar's status", statusSchema],
  ["secret.json", "a secret that is sealed to a host", workerSecretSchema],
];

test("this version has a fixture of what it writes", () => {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string };
  const folder = join(packageRoot(), "test", "fixtures", "state", `v${version}`);
  expect(existsSync(folder), `there is no ${folder}: npm run state-fixture makes it`).toBe(true);
});

describe.each(fixtures)("what $version wrote", (fixture) => {
  describe.each(documents)("%s (%s)", (file, what, schema) => {
    test("is read", () => stillReads(fixture, what, () => schema.parse(fixture.json(file))));

    test("is read when a newer version has added to it", () =>
      stillReads(fixture, `${what} with a field of a later version`, () =>
        schema.parse(withNewFields(fixture.json(file))),
      ));
  });

  test("replies of a sidecar are read when a newer version has added to them", () =>
    stillReads(fixture, "a reply with a field of a later version", () =>
      controlReplySchema.parse(withNewFields({ ok: true, status: fixture.json("status.json") })),
    ));

  test("requests to a host and its sidecar are read when a newer version has added to them", () =>
    stillReads(fixture, "a request with a field of a later version", () => {
      const { runtime, workers } = documentSchema.parse(fixture.json("document.json"));
      const { models, service } = workers["home"]!;
      const wanted = [...Object.values(runtime), ...Object.values(models), service!].map((desired) => ({ desired }));
      const about = { root: "/fleet/rehearsal/host", host: "home-host", worker: "home" };
      for (const { desired } of wanted)
        hostVerbs.reconcile.request.parse(withNewFields({ ...about, section: desired.kind, desired }));
      const serving = {
        generation: 1,
        models: [`0x${"ab".repeat(32)}`],
        stake: { kind: "fixed", amount: "1" },
        gasReserve: "1",
      };
      for (const request of [{ op: "status" }, { op: "leave", generation: 1 }, { op: "live", serving }])
        hostVerbs.control.request.parse(withNewFields({ ...about, request }));
    }));

  describe.each(["record.worker.json", "record.treasury.json"])("%s", (file) => {
    const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(canonicalJson(value as Plain));

    test("is read, and can be written again", async () => {
      const record = await stillReads(fixture, "a record", () => decodeRecord(bytes(fixture.json(file))));
      expect(decodeRecord(encodeRecord(record))).toEqual(record);
    });

    test("keeps what a newer version has added to it through a change by this one", async () => {
      const newer = withNewFields(fixture.json(file)) as object;
      const record = await stillReads(fixture, "a record of a later version", () => decodeRecord(bytes(newer)));
      const changed = encodeRecord({ ...record, name: "renamed" });
      expect(JSON.parse(new TextDecoder().decode(changed))).toMatchObject({ ...newer, name: "renamed" });
    });
  });

  test("record.sealed.json opens with its passphrase, and holds record.worker.json", async () => {
    const record = await stillReads(fixture, "a sealed record", async () => {
      const file = readSealed(fixture.text("record.sealed.json"), "worker/48221/home");
      const { salt, kdf } = sealingOf(file);
      return openSealed(file, await stretch(Buffer.from("the fixture's passphrase"), salt, kdf));
    });
    expect(JSON.parse(new TextDecoder().decode(encodeRecord(record)))).toMatchObject(
      fixture.json("record.worker.json") as object,
    );
  });

  test("record.sealed.json in another form than this version knows is refused, and says whose it is", () => {
    const newer = fixture.text("record.sealed.json").replace('"version":1', '"version":2');
    expect(() => readSealed(newer, "worker/48221/home")).toThrow("a newer version");
  });

  test("journal.sql is brought to this version, read and written on", async () => {
    const database = new DatabaseSync(":memory:");
    database.exec(fixture.text("journal.sql"));
    await stillReads(fixture, "a journal", () => {
      migrate(database);
      const [facts, jobs, transactions] = [factRows(database), jobRows(database), transactionRows(database)];
      expect(facts.serving()?.models).toHaveLength(2);
      expect([facts.epoch()?.epoch, facts.registeredAt()?.number, facts.cursor("jobs")].every(Boolean)).toBe(true);
      const [job] = jobs.open();
      expect(job?.ciphertext?.length).toBeGreaterThan(0);
      jobs.advance(job!.id, "released", {});
      expect(jobs.open()).toEqual([]);
      const sent = transactions.all();
      expect(sent.map(({ outcome }) => outcome)).toEqual(sent.map(() => "mined"));
      expect(sent.length).toBeGreaterThan(5);
    });
    database.close();
  });
});
