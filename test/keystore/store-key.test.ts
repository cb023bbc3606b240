import { expect, test } from "vitest";
import { ownKey, type KeyMaking } from "../../keystore/store-key.js";
import { systemClock } from "../../system/clock.js";
import { memoryKms } from "./memory-kms.js";

const place = { region: "eu-west-1", prefix: "light/chain", kms: "own" };
const alias = "alias/lightchain/light/chain";

/** Machines that share nothing but KMS: none waits for another one. */
const machine = (kms: KeyMaking["kms"]): KeyMaking => ({ place, kms, clock: systemClock, alone: (work) => work() });

/** What people would be billed for. */
const enabled = ({ keys }: ReturnType<typeof memoryKms>): string[] =>
  keys.filter(({ state }) => state === "Enabled").map(({ arn }) => arn);

test("the first secret's key is made, tagged, rotated and named; the next ones' is that key", async () => {
  const kms = memoryKms();
  const arn = await ownKey(machine(kms.api));
  expect(kms.keys).toMatchObject([{ arn, isRotated: true, tags: { "lightchain:store": "light/chain" } }]);
  expect([...kms.aliases]).toEqual([[alias, arn]]);
  expect(kms.calls.filter((call) => ["create", "rotate", "name"].includes(call))).toEqual(["create", "rotate", "name"]);
  expect(JSON.parse(kms.keys[0]!.policy)).toMatchObject({ Version: "2012-10-17" });
  const before = kms.calls.length;
  expect(await ownKey(machine(kms.api))).toBe(arn);
  expect(kms.calls.slice(before)).toEqual(["describe", "isRotated"]);
});

test("rotation that somebody switched off is switched on with the next secret", async () => {
  const kms = memoryKms();
  await ownKey(machine(kms.api));
  kms.keys[0]!.isRotated = false;
  await ownKey(machine(kms.api));
  expect(kms.keys[0]!.isRotated).toBe(true);
});

test("wherever a run is killed, the next one goes on with the key that it left, and there is one", async () => {
  const whole = memoryKms();
  await ownKey(machine(whole.api));
  expect(whole.calls.length).toBeGreaterThan(6);
  for (let at = 0; at < whole.calls.length; at++)
    for (const isDone of [false, true]) {
      let left = at;
      const die = (): void => {
        if (left-- === 0) throw new Error("killed");
      };
      const kms = isDone ? memoryKms(undefined, die) : memoryKms(die);
      await expect(ownKey(machine(kms.api))).rejects.toThrow("killed");
      const arn = await ownKey(machine(kms.api));
      expect(kms.keys).toMatchObject([{ arn, isRotated: true }]);
      expect([...kms.aliases]).toEqual([[alias, arn]]);
    }
});

test.each(["describe", "nameless", "create", "rotate", "name"])(
  "two machines that come to %s at once end with one key that is billed, and the other one's is going",
  async (meeting) => {
    let waiting: (() => void)[] = [];
    const met = new Set<string>();
    const kms = memoryKms(async (call) => {
      if (call !== meeting || met.has(call)) return;
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length < 2) return;
        met.add(call);
        waiting.forEach((go) => go());
        waiting = [];
      });
    });
    const arns = await Promise.all([ownKey(machine(kms.api)), ownKey(machine(kms.api))]);
    expect(new Set(arns).size).toBe(1);
    expect(kms.aliases.get(alias)).toBe(arns[0]);
    expect(enabled(kms)).toEqual([arns[0]]);
    expect(kms.calls.filter((call) => call.startsWith("scheduleDeletion"))).toEqual(
      kms.keys.length === 2 ? ["scheduleDeletion 7"] : [],
    );
  },
);

test("a machine whose new key another one took up and named does not give it up", async () => {
  let other: Promise<string> | undefined;
  const kms = memoryKms(async (call) => {
    if (call !== "rotate" || other !== undefined) return;
    other = ownKey(machine(kms.api)); // finds the key that we just made
    await other;
  });
  const arn = await ownKey(machine(kms.api));
  expect(await other).toBe(arn);
  expect(kms.keys).toMatchObject([{ arn, state: "Enabled" }]);
});

test("a key that was found, and not made, is never given up, and one that is going is not taken up", async () => {
  const kms = memoryKms();
  const tags = { "lightchain:store": "light/chain" };
  const going = await kms.api.create({ policy: "{}", description: "", tags });
  await kms.api.scheduleDeletion(going, 7);
  await kms.api.create({ policy: "{}", description: "", tags });
  const other = await kms.api.create({ policy: "{}", description: "", tags: { "lightchain:store": "light" } });
  let isFirst = true;
  const api = {
    ...kms.api,
    name: async (...[arn, name]: Parameters<typeof kms.api.name>) => {
      if (isFirst) kms.aliases.set(name, other); // somebody else named another one
      isFirst = false;
      return kms.api.name(arn, name);
    },
  };
  expect(await ownKey(machine(api))).toBe(other);
  expect(kms.keys.map(({ state }) => state)).toEqual(["PendingDeletion", "Enabled", "Enabled"]);
});

test("KMS that knows only after a moment what it made is asked again", async () => {
  let unseen = 0;
  const kms = memoryKms();
  const slow = { ...kms.api, describe: async (id: string) => (unseen-- > 0 ? undefined : kms.api.describe(id)) };
  unseen = 4; // twice before there is one, twice after
  const arn = await ownKey(machine(slow));
  expect(kms.keys).toMatchObject([{ arn }]);
});

test.each([
  [
    "Disabled",
    undefined,
    /is disabled: no secret/,
    /^aws kms enable-key --region eu-west-1 --key-id arn:\S+\/1, and run/,
  ],
  [
    "PendingDeletion",
    new Date("2026-08-01T12:00:00Z"),
    /is scheduled for deletion \(on 2026-08-01\)/,
    /^aws kms cancel-key-deletion --region eu-west-1 --key-id arn:\S+\/1 && aws kms enable-key --region eu-west-1 --key-id arn:\S+\/1, at once/,
  ],
  ["Unavailable", undefined, /is unavailable/, /aws kms describe-key/],
])(
  "a key that is %s is not used and not replaced, and the line has the command",
  async (state, deletion, says, fix) => {
    const kms = memoryKms();
    kms.set(await ownKey(machine(kms.api)), state, deletion);
    await expect(ownKey(machine(kms.api))).rejects.toMatchObject({
      code: "LF1126",
      message: expect.stringMatching(says) as string,
      fix: expect.stringMatching(fix) as string,
    });
    expect(kms.keys).toHaveLength(1);
  },
);
