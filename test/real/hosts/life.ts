import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askWorker, type Asked } from "../../../scripts/rehearsal/ask.js";
import { findSecrets } from "../../../keystore/secret-scan.js";
import { changed, type Changes } from "../../../scripts/rehearsal/engine.js";
import { needlesFor, scanForSecrets } from "../../../scripts/rehearsal/scan.js";
import { outputsSchema, prepareStage, type Stage } from "../../../scripts/rehearsal/stage.js";
import type { Address } from "../../../schema/units.js";
import { statusesOf } from "../e2e/fleet-command.js";
import { openRehearsal, type Rehearsal } from "../e2e/rehearsal.js";
import { isRegistered } from "../e2e/registered.js";

/** A machine of some kind, ready to become a worker's host, on which the rehearsal network is found at 127.0.0.1. */
export interface HostKind {
  /** The stack's config: its `kind`, and how the machine is reached. */
  readonly config: Readonly<Record<string, unknown>>;
  /** What the engine's environment holds for it. Default: nothing. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What the engine shows of it on the first up. */
  readonly shows: RegExp;
  /** Called before the engine runs, for the plugins that it needs. */
  readonly prepare?: (rehearsal: Rehearsal) => Promise<void>;
  /** Everything that was said to it in a place where others may read it. Default: nothing was. */
  said?(): readonly Uint8Array[];
  /** What of ours is on the machine: files, processes, units; one line each. */
  left(): Promise<string[]>;
  end(): Promise<void>;
}

/**
 * A worker's whole life on one kind of host, reduced to what depends on the kind: nothing, up, a job answered, a second up that changes nothing, destroy, nothing left.
 * @param whyNot why there is no such host here; `undefined` when there is
 */
export function playLife(
  kind: string,
  whyNot: string | undefined,
  open: (tools: { ollama: string }) => Promise<HostKind>,
): void {
  describe.skipIf(whyNot !== undefined)(
    `a worker's life on ${kind}${whyNot === undefined ? "" : ` [not run: ${whyNot}]`}`,
    () => {
      let rehearsal: Rehearsal;
      let host: HostKind;
      let stage: Stage;
      let worker: Address;
      let asked: Asked;
      let second: Changes;
      const said: string[] = [];
      beforeAll(async () => {
        rehearsal = await openRehearsal();
        host = await open(rehearsal.tools);
        await host.prepare?.(rehearsal);
        const { folders, tools, network } = rehearsal;
        const say = (line: string): void => void said.push(line);
        stage = await prepareStage(folders, tools, network, say, host.config, host.environment);
      }, 600_000);
      afterAll(async () => {
        await host?.end();
        await rehearsal?.end();
      });

      test("a preview changes nothing on it", async () => {
        await stage.engine.run("preview");
        expect(await host.left()).toEqual([]);
      });

      test("up makes it a worker that is registered and answers a job", async () => {
        await stage.engine.run("up");
        const outputs = outputsSchema.parse(await stage.engine.outputs());
        worker = outputs.worker;
        expect(await isRegistered(stage, worker)).toBe(true);
        expect(said.join("\n")).toMatch(host.shows);
        asked = await askWorker({
          ...stage,
          prompt: "Tell me about the stars.",
          ollamaUrl: outputs.ollama,
          say: () => undefined,
        });
        expect(asked).toMatchObject({ verified: true, equalsDirectCall: true });
      }, 600_000);

      test("fleet status asks it there", async () => {
        expect(await statusesOf(rehearsal.folders, stage)).toEqual({ home: "live" });
      });

      test("a second up changes nothing", async () => {
        second = await stage.engine.run("up");
        expect(changed(second)).toBe(0);
      }, 600_000);

      test("destroy takes it back, and nothing of ours is left on it", async () => {
        await rehearsal.network.advance(86_400 + 60);
        await stage.engine.run("destroy");
        expect(await isRegistered(stage, worker)).toBe(false);
        expect(await host.left()).toEqual([]);
      }, 600_000);

      test("no private key is in state, history, logs, arguments or environments of this computer", async () => {
        const needles = await needlesFor(stage.operator.store, [stage.workerRef]);
        expect(await scanForSecrets([rehearsal.folders.root], needles)).toEqual([]);
        expect((host.said?.() ?? []).flatMap((content) => findSecrets(content, needles))).toEqual([]);
      });
    },
  );
}
