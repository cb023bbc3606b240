import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readStatus, serviceName } from "../../host/services/systemd-manager.js";
import { NotForSystemd } from "../../host/services/systemd-text.js";
import { renderUnit } from "../../host/services/systemd-unit.js";
import type { Unit } from "../../host/services/unit.js";

const unit: Unit = {
  name: "worker-home",
  description: "Lightchain worker home",
  command: ["/opt/b/node", "/opt/b/sidecar.js", "--settings", "/opt/w/settings.json"],
  environment: { PATH: "/usr/bin:/bin", HOME: "/opt/w" },
  folder: "/opt/w",
  log: "/opt/w/sidecar.log",
  stopTimeoutMs: 270_000,
  revision: "r1",
  secret: null,
};
const around = {
  node: "/opt/b/node",
  supervisor: "/opt/b/supervisor.js",
  spec: "/opt/units/worker-home.json",
  after: ["lightchain-0a1b2c3d-ollama.service"],
  veils: [],
};
const line = (text: string, key: string) => text.split("\n").find((one) => one.startsWith(`${key}=`));

describe("a unit for systemd", () => {
  test("is told to come back, to be stopped in time, and what to start after", () => {
    expect(renderUnit(unit, around)).toMatchSnapshot();
  });

  test("has every special character of a path or argument mean itself", () => {
    const folder = "/srv/100% $HOME %h";
    const odd: Unit = {
      ...unit,
      command: [`${folder}/node`, `${folder}/sidecar.js`, 'a "b"\n\\'],
      environment: { HOME: `${folder} "it's"` },
      folder: `${folder}/w "x"`,
      log: `${folder}/a b.log`,
    };
    const text = renderUnit(odd, around);
    expect(line(text, "ExecStart")).toBe(
      String.raw`ExecStart=":/srv/100%% $HOME %%h/node" "/srv/100%% $HOME %%h/sidecar.js" "a \"b\"\n\\"`,
    );
    expect(line(text, "Environment")).toBe(String.raw`Environment="HOME=/srv/100%% $HOME %%h \"it's\""`);
    expect(line(text, "WorkingDirectory")).toBe('WorkingDirectory=/srv/100%% $HOME %%h/w "x"');
    expect(line(text, "RequiresMountsFor")).toBe(String.raw`RequiresMountsFor="/srv/100%% $HOME %%h/w \"x\""`);
    expect(line(text, "StandardOutput")).toBe("StandardOutput=append:/srv/100%% $HOME %%h/a b.log");
  });

  test.each([
    ["a quote in its program's path", { command: ['/srv/"x"/node'] }],
    ["a backslash in its program's path", { command: ["/srv/\\x/node"] }],
    ["a line's end in its folder", { folder: "/srv/x\nExecStartPre=/bin/false" }],
    ["a backslash at its log's end", { log: "/srv/x\\" }],
  ])("cannot have %s", (_, wrong) => {
    expect(() => renderUnit({ ...unit, ...wrong }, around)).toThrow(NotForSystemd);
  });

  test("with a secret runs under the parent that opens it, and the secret's place is not in the unit", () => {
    const sealed = { ...unit, secret: { sealed: "/opt/w/sealed.json", hostKey: "/opt/host-key", host: "h" } };
    const text = renderUnit(sealed, around);
    expect(line(text, "ExecStart")).toBe(
      'ExecStart=":/opt/b/node" "/opt/b/supervisor.js" "--unit" "/opt/units/worker-home.json"',
    );
    expect(text).not.toContain("sealed.json");
    expect(text).not.toContain("host-key");
  });

  test("never gets a setting from a value: it has the same lines whatever the values are", () => {
    const keysOf = (text: string) => text.split("\n").map((one) => one.split("=")[0]);
    const usual = keysOf(renderUnit(unit, around));
    return fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        try {
          const environment = { PATH: text, HOME: text };
          expect(keysOf(renderUnit({ ...unit, command: ["/bin/x", text], environment }, around))).toEqual(usual);
          expect(
            keysOf(renderUnit({ ...unit, description: text, folder: `/${text}`, log: `/${text}` }, around)),
          ).toEqual(usual);
        } catch (error) {
          expect(error).toBeInstanceOf(NotForSystemd);
        }
      }),
    );
  });

  test("has another name for each folder, also for folders that end alike", () => {
    expect(serviceName("/home/a/.lightchain/host", "ollama")).not.toBe(
      serviceName("/home/b/.lightchain/host", "ollama"),
    );
    expect(serviceName("/srv/fleet", "worker-home")).toMatch(/^lightchain-[0-9a-f]{8}-worker-home\.service$/);
  });
});

describe("what systemctl show says", () => {
  const said = (active: string, pid: number, code: number, status: number) =>
    readStatus(`MainPID=${pid}\nExecMainCode=${code}\nExecMainStatus=${status}\nActiveState=${active}\n`);

  test.each([
    ["of a running service", said("active", 41, 0, 0), { state: "running", pid: 41, lastExit: null }],
    [
      "of one that is being stopped: it still runs",
      said("deactivating", 41, 0, 0),
      { state: "running", pid: 41, lastExit: null },
    ],
    [
      "of one that waits to be started again",
      said("activating", 0, 1, 1),
      { state: "backing-off", pid: null, lastExit: 1 },
    ],
    [
      "of one that was killed: the status is a signal's number",
      said("activating", 0, 2, 9),
      { state: "backing-off", pid: null, lastExit: null },
    ],
    ["of one that refused its settings", said("failed", 0, 1, 78), { state: "refused", pid: null, lastExit: 78 }],
    ["of one that was asked to stop", said("inactive", 0, 1, 0), { state: "stopped", pid: null, lastExit: 0 }],
    ["of one that never ran", said("inactive", 0, 0, 0), { state: "stopped", pid: null, lastExit: null }],
  ])("%s", (_, status, expected) => expect(status).toEqual(expected));
});
