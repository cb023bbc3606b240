import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { changed } from "../../../scripts/rehearsal/engine.js";
import { full } from "../e2e/adversity/troubles.js";
import type { SmallDisk } from "../e2e/adversity/small-disk.js";
import { named, strike, type Strike } from "../e2e/adversity/strike.js";
import { expectNoKeys, thisComputer } from "../hosts/searched.js";
import { throughCut, throughFullDisk, withoutItsSecret, type ServedByStack } from "../hosts/served-troubles.js";
import { because, mustDocker } from "../machines/docker-engine.js";
import { openVolumeDisk, unplugged } from "./container-troubles.js";
import { everythingOf, whyNoContainers } from "./engine.js";
import { openDockerGround, type DockerGround } from "./ground.js";
import { onEngine } from "./scan.js";

const whyNot = whyNoContainers();
const sealed = "/var/lib/lightchain-fleet/workers/home/sealed.json";

describe.skipIf(whyNot !== undefined)(`a worker in containers to which things happen${because(whyNot)}`, () => {
  let there: DockerGround;
  let home: ServedByStack;
  let disk: SmallDisk;
  let isMounted = false;
  beforeAll(async () => {
    there = await openDockerGround();
    disk = await openVolumeDisk(there.stateVolume);
    isMounted = true;
    home = await there.served({ patienceMs: 10_000 });
  }, 600_000);
  const unmount = async (): Promise<void> => {
    if (isMounted) await disk.unmount();
    isMounted = false;
  };
  afterAll(async () => {
    await unmount();
    await there?.end();
  });
  const unchanged = async (): Promise<void> => expect(changed(await home.ground.stage.engine.run("up"))).toBe(0);

  describe("an up goes on where it stopped", () => {
    const blows: readonly Strike[] = [
      {
        what: "where the volume is full when a model is pulled",
        at: { type: "Model", moment: "in flight" },
        trouble: () => full(disk),
        says: /LF1350: The disk of .* is full/,
      },
      {
        what: "where the volume is full when the service is set up",
        at: { type: "Service", moment: "in flight" },
        trouble: () => full(disk),
        says: /LF1350: The disk of .* is full/,
      },
      {
        what: "where the worker's network is cut when it registers",
        at: { type: "Registration", moment: "in flight" },
        trouble: () => unplugged(there.worker),
        says: /LF1(238|405): Worker home gets no further: .*Then: pulumi up/,
      },
    ];
    test.each(named(blows))("%s", async (_, blow) => {
      there.said.push(await strike(home.ground, "up", blow));
    });

    test("and makes a worker that was paid for once, registered once and lacks nothing", async () => {
      await home.ground.stage.engine.run("up");
      await home.live();
      expect(await home.ground.count()).toMatchObject({ fundings: 1, registrations: 1, isRegistered: true });
      await unchanged();
    });
  });

  test("stops to claim while its volume is full, says so, and goes on when there is room", () =>
    throughFullDisk(home, full(disk)));

  test("comes back by itself from a network that was cut for a minute with a job in flight, and answers the job; an up meanwhile ends with one coded line", async () => {
    there.said.push(
      await throughCut(
        home,
        unplugged(there.worker, 60_000),
        /LF1315: No Ollama answers at http:\/\/ollama:11434, .*Next: /,
      ),
    );
  });

  test("whose sealed key is gone from its volume is sealed to anew by the next up, and nothing is paid or staked again", () =>
    withoutItsSecret(home, {
      lose: async () => {
        await mustDocker("exec", there.worker, "rm", sealed);
        await mustDocker("restart", there.worker); // has nothing to start with
      },
      isDown: () =>
        home.status().then(
          () => false,
          () => true,
        ),
    }));

  test("has none of its keys in the open after all of that; each place that is searched gives away a key that is put there", () =>
    expectNoKeys(home.ground.stage, [thisComputer(there.rehearsal.folders, there.said), onEngine(there.prefix)]));

  test("leaves no container, volume, network or image when it is destroyed", async () => {
    await there.rehearsal.network.advance(86_400 + 60);
    await unmount(); // or its volume could not be removed
    await home.ground.stage.engine.run("destroy");
    expect(await home.ground.count()).toMatchObject({
      fundings: 1,
      registrations: 1,
      balance: 0n,
      isRegistered: false,
    });
    expect(await everythingOf(there.prefix)).toEqual([
      `image ${there.prefix}-test-ollama:test`,
      `network ${there.prefix}-test-bridge`,
    ]);
  });
});
