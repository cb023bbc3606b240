import type { Clock } from "../../system/clock.js";

/** Thrown into code whose process has just died; nothing it still does has any effect. */
export class Died extends Error {}

/**
 * The edge of a simulated process. Everything it does to the world passes here and is counted, so that it can be made to die at exactly one of these moments:
 * before an effect or right after it, before the process hears of it.
 */
export interface Gate {
  readonly dead: boolean;
  /** Names of what passed, in order. */
  readonly passed: readonly string[];
  die(): void;
  /** Counts one moment. @throws Died */
  pass(name: string): void;
  /** Wraps a port whose methods are asynchronous: once dead, nothing is called and nothing ever comes back. */
  around<T extends object>(name: string, port: T, options?: { readonly sync?: readonly (keyof T)[] }): T;
  /** Wraps an object whose methods return at once (the journal): once dead, they throw. Only those in `counted` are moments to die at. */
  aroundSync<T extends object>(name: string, port: T, counted: readonly (keyof T)[]): T;
  clock(clock: Clock): Clock;
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

/** A moment to die at: its number, or the first whose name this accepts. */
export type Moment = number | ((name: string) => boolean);

/** @param dieAt default: never by itself */
export function createGate(dieAt: Moment = Infinity): Gate {
  let dead = false;
  const passed: string[] = [];
  const isMoment = (name: string): boolean => (typeof dieAt === "number" ? passed.length === dieAt : dieAt(name));
  const isDead = (): boolean => dead;
  const pass = (name: string): void => {
    if (!dead && isMoment(name)) dead = true;
    if (dead) throw new Died(name);
    passed.push(name);
  };
  type Method = (...args: unknown[]) => unknown;
  const wrapped = <T extends object>(port: T, wrap: (key: string, method: Method) => Method): T =>
    new Proxy(port, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        return typeof value === "function" ? wrap(String(key), (value as Method).bind(target)) : value;
      },
    });
  const throughAsync = async (name: string, call: () => unknown): Promise<unknown> => {
    try {
      pass(`${name}: before`);
    } catch {
      return never();
    }
    const result = await Promise.resolve(call()).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    try {
      pass(`${name}: after`);
    } catch {
      return never();
    }
    if ("error" in result) throw result.error;
    return result.value;
  };

  return {
    get dead() {
      return dead;
    },
    passed,
    die: () => {
      dead = true;
    },
    pass,
    around: (name, port, options) =>
      wrapped(port, (key, method) => (...args) => {
        if (options?.sync?.some((one) => one === key) === true) return dead ? undefined : method(...args);
        return throughAsync(`${name}.${key}`, () => method(...args));
      }),
    aroundSync: (name, port, counted) =>
      wrapped(port, (key, method) => (...args) => {
        if (dead) throw new Died(name);
        if (!counted.some((one) => one === key)) return method(...args);
        const what = [name, key, ...args.filter((arg) => typeof arg === "string")].join(".");
        pass(`${what}: before`);
        const result = method(...args);
        pass(`${what}: after`);
        return result;
      }),
    clock: (clock) => ({
      now: () => clock.now(),
      sleep: async (ms, signal) => {
        if (dead) return never();
        await clock.sleep(ms, signal);
        return isDead() ? never() : undefined;
      },
    }),
  };
}
