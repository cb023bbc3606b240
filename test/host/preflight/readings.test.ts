import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { demandOf } from "../../../schema/demand.js";
import { clockAhead } from "../../../host/preflight/endpoints.js";
import { namesIn } from "../../../host/preflight/network.js";
import { mountOf } from "../../../host/preflight/place.js";
import { readOpenFiles, readSystemdVersion } from "../../../host/preflight/system.js";

test("systemd's version is the number after its name", () => {
  expect(readSystemdVersion("systemd 252 (252.38-1~deb12u1)\n+PAM +AUDIT")).toBe(252);
  expect(readSystemdVersion("bash: systemctl: command not found")).toBeUndefined();
});

test("the limit of open files is the hard one", () => {
  const table = (hard: string) =>
    `Limit                     Soft Limit           Hard Limit           Units\nMax processes             1                    2                    processes\nMax open files            1024                 ${hard}               files\n`;
  expect(readOpenFiles(table("524288"))).toBe(524_288);
  expect(readOpenFiles(table("unlimited"))).toBe(Infinity);
  expect(() => readOpenFiles("nothing of the kind")).toThrow("no limit of open files");
});

describe("the mount of a path", () => {
  const table = [
    "22 27 0:21 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro",
    "30 22 0:30 / /srv rw,noexec - xfs /dev/vdb rw",
    "31 22 0:31 / /srv/with\\040blank rw - tmpfs tmpfs ro,size=1k",
    "32 22 0:32 / /srv rw - btrfs /dev/vdc rw",
    "broken line",
  ].join("\n");
  test.each([
    ["/home/me", "ext4", "/"],
    ["/srvs", "ext4", "/"],
    ["/srv", "btrfs", "/srv"], // mounted over the other
    ["/srv/a", "btrfs", "/srv"],
    ["/srv/with blank/x", "tmpfs", "/srv/with blank"],
  ])("%s is %s on %s", (path, type, point) => expect(mountOf(path, table)).toMatchObject({ type, point }));
  test("is read-only when its whole file system is", () =>
    expect(mountOf("/srv/with blank", table)?.options).toContain("ro"));
  test("is not known without a table", () => expect(mountOf("/", "")).toBeUndefined());
});

test("names to look up are those that are no numbers, each once", () => {
  const at = (url: string) => ({ name: "x", url });
  const urls = [
    "https://rpc.example/key",
    "wss://rpc.example:1",
    "http://127.0.0.1:8545",
    "http://[::1]:1",
    "https://b.example",
  ];
  expect(namesIn(urls.map(at))).toEqual(["rpc.example", "b.example"]);
});

describe("a clock against a server's date", () => {
  const date = "Thu, 26 Nov 2026 04:00:00 GMT";
  const second = Date.parse(date);
  test.each<[string, number, number, number | null]>([
    ["that may be right", second - 500, second + 100, 0],
    ["that may be right to its last moment", second + 999, second + 1_200, 0],
    ["that is behind", second - 5_100, second - 5_000, -5_000],
    ["that is ahead", second + 5_999, second + 6_200, 5_000],
  ])("%s", (_, sent, came, ahead) => expect(clockAhead(date, sent, came)).toBe(ahead));
  test("says nothing without one", () => {
    expect(clockAhead(null, second, second)).toBeNull();
    expect(clockAhead("soon", second, second)).toBeNull();
  });
  test("is never off by more than it is, and by no more than a second and the way there less", () =>
    fc.assert(
      fc.property(fc.integer({ min: -60_000, max: 60_000 }), fc.nat(5_000), fc.nat(999), (off, tripMs, ms) => {
        const served = second + ms; // the server's own time when it answers, somewhere on the way
        const sent = served - Math.floor(tripMs / 2) + off;
        const found = clockAhead(new Date(served).toUTCString(), sent, sent + tripMs) ?? NaN;
        expect(Math.abs(found)).toBeLessThanOrEqual(Math.abs(off));
        expect(Math.abs(found - off)).toBeLessThanOrEqual(tripMs + 999);
      }),
    ));
});

describe("what models take", () => {
  const bytes = fc.integer({ min: 0, max: 100e9 });
  const model = fc.record({
    name: fc.string({ minLength: 1 }),
    diskBytes: fc.option(bytes),
    memoryBytes: fc.option(bytes),
    contextBytesPerToken: fc.option(fc.nat(1e6)),
  });
  const models = fc.array(model, { maxLength: 6 });
  test("is never less with one more of them, or with more context", () =>
    fc.assert(
      fc.property(models, model, fc.nat(200_000), fc.nat(200_000), (some, one, context, more) => {
        const before = demandOf({ models: some, contextLength: context });
        const after = demandOf({ models: [...some, one], contextLength: context + more });
        expect(after.largest.bytes).toBeGreaterThanOrEqual(before.largest.bytes);
        expect(after.togetherBytes).toBeGreaterThanOrEqual(before.togetherBytes);
      }),
    ));
  test("is at least what each of them was measured to take", () =>
    fc.assert(
      fc.property(models, (some) => {
        const { largest, togetherBytes, unknown } = demandOf({ models: some, contextLength: 0 });
        for (const { diskBytes, memoryBytes } of some)
          expect(largest.bytes).toBeGreaterThanOrEqual(Math.max(diskBytes ?? 0, memoryBytes ?? 0));
        expect(togetherBytes).toBeGreaterThanOrEqual(largest.bytes);
        expect(unknown.length).toBeLessThanOrEqual(some.length);
      }),
    ));
});
