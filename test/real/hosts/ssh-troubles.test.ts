import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { changed } from "../../../scripts/rehearsal/engine.js";
import { both, until, type Trouble } from "../e2e/adversity/troubles.js";
import { named, strike, type Strike } from "../e2e/adversity/strike.js";
import { because } from "../machines/docker-engine.js";
import { noMachines } from "../machines/machine.js";
import { users } from "../machines/ssh-access.js";
import { otherClock } from "./late-clock.js";
import { cutOff, mountDisk, portTaken, shortOfMemory, type MachineDisk } from "./machine-troubles.js";
import { expectNoKeys, thisComputer } from "./searched.js";
import { throughCut, throughFullDisk } from "./served-troubles.js";
import { openSshGround, portOf, type SshGround } from "./ssh-ground.js";
import { writeKeyPair } from "./sshd.js";

const whyNot = noMachines();
const [mountPoint, root] = ["/srv/small", "/srv/small/worker"];

/*
 * One worker's life on one machine with a network and a disk of its own: every up meets a trouble, says which in one coded line, and the next one goes on. By a key file, so
 * that our own provider brings the bundle.
 */
describe.skipIf(whyNot !== undefined)(
  `an up of a worker on a computer that is reached by SSH${because(whyNot)}`,
  () => {
    let there: SshGround;
    let disk: MachineDisk;
    let folder: string;
    let misled: string;
    let anotherKey: string;
    let archives: Server;
    let archive: string;
    const closers: (() => unknown)[] = [];
    /** What the engine has said. */
    const said: string[] = [];
    beforeAll(async () => {
      there = await openSshGround({
        network: "bridge",
        root,
        closed: ["gateway"],
        config: ({ ssh }) => ({
          ssh: {
            ...{ address: ssh.address, port: ssh.port, user: users.operator, hostKey: ssh.hostKey },
            ...{ identity: { keyFile: ssh.keyFile }, sudo: "passwordless", bootMs: 10_000 },
          },
          patienceMs: 5_000,
        }),
      });
      const { machine, ground } = there;
      folder = ground.rehearsal.folders.root;
      disk = await mountDisk(machine, mountPoint);
      misled = await networkWithLateClocks();
      anotherKey = join(folder, "another-key");
      await writeKeyPair(anotherKey);
      archives = createServer((_, answer) => answer.end("not what it should be")).listen(0, "127.0.0.1");
      closers.push(() => archives.close());
      await once(archives, "listening");
      const { port } = archives.address() as { port: number };
      await machine.reach(port);
      archive = `http://127.0.0.1:${port}/ollama.tgz`;
    }, 600_000);
    afterAll(async () => {
      for (const close of closers.reverse()) await close();
      await there?.end();
    });

    /** The network as a machine sees it whose clock is 45 s behind everybody's. */
    async function networkWithLateClocks(): Promise<string> {
      const { networkFile } = there.ground.rehearsal.network;
      const network = JSON.parse(await readFile(networkFile, "utf8")) as { endpoints: Record<string, string> };
      const endpoints = { ...network.endpoints };
      for (const name of ["rpc", "beacon", "modelRegistry"]) {
        const target = endpoints[name];
        if (target === undefined) continue;
        const clock = await otherClock(target, 45_000);
        closers.push(() => clock.close());
        await there.machine.reach(Number(new URL(clock.url).port));
        endpoints[name] = clock.url;
      }
      const file = join(folder, "misled-network.json");
      await writeFile(file, JSON.stringify({ ...network, endpoints }));
      return file;
    }

    const nothing: Trouble = { begin: async () => undefined, end: async () => undefined };
    const onMachine = async (): Promise<string> =>
      there.machine.must(["find", mountPoint, "-mindepth", "1", "-maxdepth", "3"]);
    const isBare = async (): Promise<void> => expect(await onMachine()).toBe("");

    interface Attempt extends Strike {
      /** Settings that are wrong, or ask for too much. */
      readonly config?: () => Readonly<Record<string, unknown>>;
    }
    const attempts = (list: readonly Attempt[]) => named(list) as (readonly [string, Attempt])[];

    describe("sends nothing and is refused", () => {
      const blows: readonly Attempt[] = [
        {
          what: "where the machine does not know the key that it comes with, before anything is made",
          config: () => ({ ssh: { ...there.config.ssh, identity: { keyFile: anotherKey } } }),
          trouble: () => nothing,
          says: /LF1532: .* refused the login with the key .*authorized_keys/,
          then: isBare,
        },
        {
          what: "where its user may not become root, before anything is made",
          config: () => ({ ssh: { ...there.config.ssh, user: users.guest } }),
          trouble: () => nothing,
          says: /LF1533: guest@.* asks for a password.*Next: set sudo/,
          then: isBare,
        },
        {
          what: "where the disk is read-only",
          trouble: () => disk.readOnly,
          says: /LF1535: .*Read-only file system.*Next: mount the disk of .* writable/,
          then: isBare,
        },
        {
          what: "where the bundle does not fit on the disk, of which nothing is left there",
          trouble: () => disk.ofSize(16),
          says: /LF1535: .*No space left on device.*Next: free some 300 MB/,
          then: isBare,
        },
        {
          what: "where the network is cut in the middle of the upload, which does not count",
          at: { type: "Host", moment: "in flight" },
          once: () => until("the bundle is coming", async () => (await onMachine()).includes("/.incoming-")),
          trouble: () => cutOff(there.machine),
          says: /LF15(37|30): .*Next: /,
          then: async () => expect(await onMachine()).not.toMatch(/bundles\/0x/),
        },
        {
          what: "where GPU, memory, disk, port, a route and the clock are not fit for a worker, each with its fix",
          config: () => ({ gpu: "required", network: misled }),
          trouble: () =>
            both(
              disk.ofSize(300),
              shortOfMemory(there.machine, 1_024),
              portTaken(there.machine, there.config.ollamaPort),
            ),
          says: new RegExp(
            [
              "LF1351: Host home-host is not fit for a worker:",
              "memory: 1\\.0 GiB, 2\\.0 GiB needed.* → give the machine more memory",
              "disk \\(LF1350\\): .* free in /srv/small.* needed.* → df -h",
              "GPU and driver: .* → ",
              "port \\(LF1303\\): 127\\.0\\.0\\.1:\\d+ is taken by another program.* → set ollamaPort",
              "network: no answer of gateway .* → open the way out",
              "clock: 4\\d\\.\\d s behind.* → timedatectl",
            ].join("[^]*"),
          ),
          then: async () => {
            expect((await onMachine()).split("\n").filter((path) => !path.includes("/bundles"))).toEqual([root]);
            await there.machine.reach(
              portOf(await readFile(there.ground.rehearsal.network.networkFile, "utf8"), "gateway"),
            );
          },
        },
        {
          what: "where a pinned Ollama is not what its checksum says, of which nothing is used",
          config: () => ({
            ollama: undefined,
            ollamaRelease: { version: "0.14.2", sha256: "ab".repeat(32), url: archive },
          }),
          trouble: () => nothing,
          says: /LF1353: .* has the SHA-256 \w{64}, not (ab){32}\. Nothing was changed/,
          then: async () => expect((await there.machine.run(["pgrep", "-f", "ollama serve"])).code).not.toBe(0),
        },
      ];
      test.each(attempts(blows))("%s", async (_, blow) => {
        await there.program(blow.config?.());
        said.push(await strike(there.ground, "up", blow));
        expect(await there.sent()).toBe(0);
      });
    });

    describe("goes on where it stopped", () => {
      const blows: readonly Strike[] = [
        {
          what: "where the disk is full when a model is pulled",
          at: { type: "Model", moment: "in flight" },
          trouble: () => disk.full,
          says: /LF1350: The disk of .* is full/,
          then: async () => expect(await there.sent()).toBe(0),
        },
        {
          what: "where the disk is full when the service is set up",
          at: { type: "Service", moment: "in flight" },
          trouble: () => disk.full,
          says: /LF1350: The disk of .* is full/,
          then: async () => expect(await there.sent()).toBe(0),
        },
        {
          what: "where the network is cut when the worker registers",
          at: { type: "Registration", moment: "in flight" },
          trouble: () => cutOff(there.machine),
          says: /LF15(37|30): .*Next: /,
        },
      ];
      test.each(named(blows))("%s", async (_, blow) => {
        await there.program();
        said.push(await strike(there.ground, "up", blow));
      });

      test("and makes a worker that was paid for once, registered once and lacks nothing", async () => {
        await there.ground.stage.engine.run("up");
        await there.live();
        expect(await there.ground.count()).toMatchObject({ fundings: 1, registrations: 1, isRegistered: true });
        expect(changed(await there.ground.stage.engine.run("up"))).toBe(0);
      });
    });

    describe("to a worker whose network is cut for a minute while a job is in flight", () => {
      test("ends with one coded line; the worker comes back by itself, answers the job, and the same up converges", async () => {
        await there.program({ tuning: { services: { lifecycleProbeMs: 700 } } });
        const cut = cutOff(there.machine, 60_000);
        said.push(await throughCut(there.served, cut, /LF1530: .* does not answer by SSH.*Next: /));
      });
    });

    test("to a worker whose disk is full while it serves: it claims nothing, and goes on when there is room", () =>
      throughFullDisk(there.served, disk.full));

    test("says no key to anybody, and leaves none in the open; each place that is searched gives away a key that is put there", async () => {
      await expectNoKeys(there.ground.stage, [thisComputer(there.ground.rehearsal.folders, said), there.searched]);
    });

    test("is undone by a destroy that leaves nothing on the machine", async () => {
      await there.ground.rehearsal.network.advance(86_400 + 60);
      await there.ground.stage.engine.run("destroy");
      expect(await there.ground.count()).toMatchObject({
        fundings: 1,
        registrations: 1,
        balance: 0n,
        isRegistered: false,
      });
      await isBare();
    });
  },
);
