import type { KeyFound, KmsApi } from "../../keystore/kms-api.js";

interface MemoryKey extends KeyFound {
  readonly tags: Readonly<Record<string, string>>;
  readonly policy: string;
  isRotated: boolean;
}

/** A KMS in memory. `before` runs ahead of every call, and `after` when it is done; either may throw, as where a run is killed there. */
export function memoryKms(
  before: (call: string) => void | Promise<void> = () => undefined,
  after: () => void = () => undefined,
): {
  readonly api: KmsApi;
  readonly keys: MemoryKey[];
  readonly aliases: Map<string, string>;
  readonly calls: string[];
  /** What KMS does with a key of its own accord, or a person. */
  set(arn: string, state: string, deletion?: Date): void;
} {
  const keys: MemoryKey[] = [];
  const aliases = new Map<string, string>();
  const calls: string[] = [];
  const keyOf = (id: string): MemoryKey | undefined => keys.find(({ arn }) => arn === (aliases.get(id) ?? id));
  const there = (arn: string): MemoryKey => keyOf(arn) ?? unknown(arn);
  const set = (arn: string, state: string, deletion: Date | null = null): void =>
    void Object.assign(there(arn), { state, deletion });
  const asked = async <T>(call: string, answer: () => T): Promise<T> => {
    calls.push(call);
    await before(call);
    const answered = answer();
    after();
    return answered;
  };
  const api: KmsApi = {
    caller: () => asked("caller", () => ({ partition: "aws", account: "123456789012" })),
    describe: (id) => asked("describe", () => keyOf(id)),
    nameless: (tags) =>
      asked("nameless", () =>
        keys.filter(
          (key) =>
            key.state === "Enabled" &&
            ![...aliases.values()].includes(key.arn) &&
            Object.entries(tags).every(([name, value]) => key.tags[name] === value),
        ),
      ),
    create: ({ policy, tags }) =>
      asked("create", () => {
        const arn = `arn:aws:kms:eu-west-1:123456789012:key/${keys.length + 1}`;
        keys.push({ arn, state: "Enabled", deletion: null, tags, policy, isRotated: false });
        return arn;
      }),
    isRotated: (arn) => asked("isRotated", () => there(arn).isRotated),
    rotate: (arn) => asked("rotate", () => void (there(arn).isRotated = true)),
    name: (arn, alias) =>
      asked("name", () => {
        if (aliases.has(alias)) return false;
        aliases.set(alias, there(arn).arn);
        return true;
      }),
    scheduleDeletion: (arn, days) =>
      asked(`scheduleDeletion ${days}`, () => set(arn, "PendingDeletion", new Date(86_400_000 * days))),
  };
  return { api, keys, aliases, calls, set };
}

function unknown(arn: string): never {
  throw new Error(`no key ${arn}`);
}
