import { expect, test } from "vitest";
import { formerHosts } from "../../../components/service/move.js";
import { hostResource } from "../../../components/worker/worker.js";
import type { HostReference } from "../../../components/worker-reference.js";

const at = (name: string): HostReference => ({ kind: "local", name, root: `/${name}` });

test.each<[situation: string, before: string[], now: string, former: string[]]>([
  ["it stays where it is", ["a"], "a", []],
  ["it moves", ["a"], "b", ["a"]],
  ["it moves on before all was brought", ["a", "b"], "c", ["a", "b"]],
  ["it moves back before all was brought", ["a", "b"], "a", ["b"]],
  ["it went to and fro", ["b", "a", "b", "a"], "c", ["b", "a"]],
])("the hosts that something of a worker may still be on when %s", (_, before, now, former) => {
  expect(formerHosts(before.map(at), at(now)).map(({ name }) => name)).toEqual(former);
});

test.each([
  ["a host without a name", undefined, "home-host"],
  ["one with the name that it would have", "home-host", "home-host"],
  ["one with a name", "attic", "home-on-attic"],
])("the resource of %s", (_, host, resource) => {
  expect(hostResource("home", host)).toBe(resource);
});
