import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { groupsToJoin, markOf, parsePasswd, userName } from "../../host/services/system-users.js";

describe("a unit's user", () => {
  test.each([
    ["worker-home", /^lightchain-home-[0-9a-f]{8}$/],
    ["ollama", /^lightchain-ollama-[0-9a-f]{8}$/],
    ["worker-My.GPU-box.in-the-cellar", /^lightchain-mygpuboxint-[0-9a-f]{8}$/],
    ["worker-...", /^lightchain-[0-9a-f]{8}$/],
  ])("of %s is called so that a person knows it", (unit, name) => expect(userName("/srv/l", unit)).toMatch(name));

  test("has a name that every tool takes, whatever the worker is called", () =>
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string(), (root, worker) => {
        expect(userName(root, `worker-${worker}`)).toMatch(/^[a-z][a-z0-9-]{0,30}$/);
      }),
    ));

  test("is another one for each unit and each host's folder, and always the same", () => {
    const names = ["/a", "/b"].flatMap((root) =>
      ["worker-x.y", "worker-xy", "ollama"].map((unit) => userName(root, unit)),
    );
    expect(new Set(names).size).toBe(6);
    expect(userName("/a", "ollama")).toBe(names[2]);
  });

  test("bears a mark that says of which host's folder it is, without a character that /etc/passwd parts at", () => {
    expect(markOf("/srv/a:b")).toMatch(/^Lightchain host [0-9a-f]{16}$/);
    expect(markOf("/a")).not.toBe(markOf("/b"));
  });
});

test("/etc/passwd is read line by line, and what is no entry is passed over", () => {
  const text =
    "root:x:0:0:root:/root:/bin/bash\n# nothing\n+::::::\nlightchain-a:x:999:995:Lightchain host 01:/nonexistent:/usr/sbin/nologin\n";
  expect(parsePasswd(text).map(({ name, uid, gid, mark }) => [name, uid, gid, mark])).toEqual([
    ["root", 0, 0, "root"],
    ["+", 0, 0, ""],
    ["lightchain-a", 999, 995, "Lightchain host 01"],
  ]);
});

test("only groups that the machine has are joined, and none twice", () => {
  const text = "video:x:44:me,lightchain-a\nrender:x:105:\naudio:x:29:\n";
  expect(groupsToJoin(text, "lightchain-a", ["video", "render", "gpu"])).toEqual(["render"]);
  expect(groupsToJoin(text, "lightchain-b", ["video", "render", "gpu"])).toEqual(["video", "render"]);
});
