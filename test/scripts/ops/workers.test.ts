import { expect, test } from "vitest";
import { chosen, chosenOne, workersIn } from "../../../scripts/ops/workers.js";

const host = (name: string) => ({ kind: "local", name, root: `/srv/${name}` }) as const;
const service = (name: string) => ({
  ...{ type: "Service", isOurs: true },
  name: `${name}-service`,
  outputs: { worker: { name, host: host(name), address: "0x" }, epoch: 1 },
});
const anna = { name: "anna", host: host("anna") };
const berta = { name: "berta", host: host("berta") };

test("a stack's workers are those with a sidecar, by name, each with the host that it is on", () => {
  const resources = [
    { type: "Keys", isOurs: true, name: "keys", outputs: { name: "carla" } },
    service("berta"),
    { type: "Service", isOurs: false, name: "of ECS", outputs: { cluster: "x" } },
    service("anna"),
  ];
  expect(workersIn({ creating: [], resources })).toEqual([anna, berta]);
});

test("one whose host another version wrote down is not left out: it is there, and cannot be asked", () => {
  const newer = { worker: { name: "anna", host: { kind: "kubernetes", name: "anna" } } };
  const resources = [
    { ...service("anna"), outputs: newer },
    { ...service("berta"), outputs: {} },
  ];
  expect(workersIn({ creating: [], resources })).toEqual([
    { name: "anna", host: undefined },
    { name: "berta-service", host: undefined },
  ]);
});

test("all are meant where none is named, and else the named one", () => {
  expect(chosen([anna, berta], "live", undefined)).toEqual([anna, berta]);
  expect(chosen([anna, berta], "live", "berta")).toEqual([berta]);
  expect(() => chosen([anna, berta], "live", "carla")).toThrow(
    "LF1609: Stack live has no worker carla with a sidecar. Next: name one that it has: --worker anna or berta.",
  );
  expect(() => chosen([], "live", undefined)).toThrow(
    "LF1609: Stack live has no worker with a sidecar. Next: pulumi up, which makes it.",
  );
});

test("what is about one worker takes the only one, and asks for a name where there are several", () => {
  expect(chosenOne([anna], "live", undefined)).toEqual(anna);
  expect(chosenOne([anna, berta], "live", "anna")).toEqual(anna);
  expect(() => chosenOne([anna, berta], "live", undefined)).toThrow(
    "LF1610: Stack live has the workers anna, berta, and which is meant was not said. Next: the same command with --worker anna.",
  );
});
