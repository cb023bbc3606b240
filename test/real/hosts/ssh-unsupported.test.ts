import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { changed } from "../../../scripts/rehearsal/engine.js";
import { named, strike, type Strike } from "../e2e/adversity/strike.js";
import { because } from "../machines/docker-engine.js";
import { noMachines } from "../machines/machine.js";
import { everythingOn } from "./everything-on.js";
import { answered } from "./job-in-flight.js";
import { otherByWordOf } from "./machine-troubles.js";
import { openSshGround, type SshGround } from "./ssh-ground.js";

const whyNot = noMachines();

/* By an agent and a pinned key, so that the bundle's archive is in the user's home before anybody looks at the machine. */
describe.skipIf(whyNot !== undefined)(`a computer that no worker runs on, reached by SSH${because(whyNot)}`, () => {
  let there: SshGround;
  let bare: string[];
  beforeAll(async () => {
    there = await openSshGround({ network: "host" });
    bare = await everythingOn(there.machine);
  }, 600_000);
  afterAll(() => there?.end());

  const ofOurs = async (): Promise<string[]> =>
    (await everythingOn(there.machine)).filter((one) => !bare.includes(one));
  const isBare = async (): Promise<void> => expect(await ofOurs()).toEqual([]);
  const saying = (program: string, says: string) => () => otherByWordOf(there.machine, program, says);
  const blows: readonly Strike[] = [
    {
      what: "for its processor",
      trouble: saying("uname", "echo Linux riscv64"),
      says: /LF1534: \S+ is a Linux riscv64 machine, but this worker bundle is for Linux \w+\. Next: choose a Linux machine of that kind/,
      then: isBare,
    },
    {
      what: "for its operating system",
      trouble: saying("uname", "echo FreeBSD amd64"),
      says: /LF1534: \S+ is a FreeBSD amd64 machine, .* Next: choose a Linux machine of that kind/,
      then: isBare,
    },
    {
      what: "for a C library that is not glibc, as musl",
      trouble: saying("getconf", 'echo "getconf: unknown variable: $1" >&2; exit 1'),
      says: /LF1534: \S+ has another C library than glibc, but .* needs glibc 2\.28 or newer\. Next: choose a machine with a distribution/,
      then: isBare,
    },
    {
      what: "for a glibc that is too old",
      trouble: saying("getconf", "echo glibc 2.17"),
      says: /LF1534: \S+ has glibc 2\.17, but .* needs glibc 2\.28 or newer\. Next: choose a machine with a distribution/,
      then: isBare,
    },
    {
      what: "for a systemd that is too old, with nothing changed but that the bundle was brought",
      trouble: saying("systemctl", '[ "$1" = --version ] && exec echo "systemd 239 (239-82.el8)"; exec "$real" "$@"'),
      says: /LF1351: Host home-host is not fit for a worker:\s+service manager: systemd 239.* → choose a distribution with systemd 240 or newer/,
      then: async () => {
        const { root } = there.host.reference;
        expect((await ofOurs()).filter((one) => !one.startsWith(`${root}/bundles/`))).toEqual([
          root,
          `${root}/bundles`,
        ]);
      },
    },
  ];
  test.each(named(blows))("is refused %s, and nothing is sent", async (_, blow) => {
    await strike(there.ground, "up", blow);
    expect(await there.sent()).toBe(0);
  });

  test("becomes a worker by the same up once it is another", async () => {
    const { engine } = there.ground.stage;
    await engine.run("up");
    await there.live();
    await answered(await there.asking(there.ground.stage.model));
    expect(await there.ground.count()).toMatchObject({ fundings: 1, registrations: 1, isRegistered: true });
    expect(changed(await engine.run("up"))).toBe(0);
  });

  test("is as it was after a destroy", async () => {
    await there.ground.rehearsal.network.advance(86_400 + 60);
    await there.ground.stage.engine.run("destroy");
    expect(await ofOurs()).toEqual(["/var/lib/systemd/credential.secret"]);
  });
});
