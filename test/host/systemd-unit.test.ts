import { expect, test } from "vitest";
import { renderUnit } from "../../host/services/systemd-unit.js";
import type { Unit } from "../../host/services/unit.js";

const unit: Unit = {
  name: "worker-home",
  description: "Lightchain worker home",
  command: ["/opt/b/node", "/opt/b/sidecar.js", "--settings", '/opt/100% "it"/settings.json'],
  environment: { PATH: "/usr/bin:/bin", HOME: "/opt/w" },
  folder: "/opt/w",
  log: "/opt/w/sidecar.log",
  stopTimeoutMs: 270_000,
  revision: "r1",
  secret: null,
};
const run = { node: "/opt/b/node", supervisor: "/opt/b/supervisor.js", spec: "/opt/units/worker-home.json" };

test("a unit without a secret runs its own command, with every special character meaning itself", () => {
  expect(renderUnit(unit, run)).toMatchSnapshot();
});

test("a unit with a secret runs under the parent that opens it, and the secret's place is not in the unit", () => {
  const sealed = { ...unit, secret: { sealed: "/opt/w/sealed.json", hostKey: "/opt/host-key", host: "h" } };
  const text = renderUnit(sealed, run);
  expect(text).toContain('ExecStart="/opt/b/node" "/opt/b/supervisor.js" "--unit" "/opt/units/worker-home.json"');
  expect(text).not.toContain("sealed.json");
  expect(text).not.toContain("host-key");
});
