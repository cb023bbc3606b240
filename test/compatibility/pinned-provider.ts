import { createRequire } from "node:module";
import { implementations } from "../../components/providers.js";
import type { Implementation } from "../../components/implementation.js";
import { packageRoot } from "../../system/package-root.js";

/**
 * The provider that a resource's state pins, as the engine makes it out of the text, in a project at `folder`. The package that the text asks for is found by
 * this package's own name and `exports`; its sources stand for what they compile to.
 */
export function pinnedProvider(text: string, folder = packageRoot()): Implementation {
  const createHere = (path: string) => (name: string) => {
    const { resolve } = createRequire(path);
    if (!isProviders(() => resolve(name), name))
      throw new Error(`${name} is not what the package exports as its providers`);
    return { implementations };
  };
  const engine = { cwd: () => folder, getBuiltinModule: () => ({ createRequire: createHere }) };
  const module = { exports: {} as { handler?: () => Implementation } };
  // The engine does the same: require-from-string.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const evaluate = new Function("exports", "process", text) as (exports: object, process: object) => void;
  evaluate(module.exports, engine);
  if (module.exports.handler === undefined) throw new Error("the pinned text makes no provider");
  return module.exports.handler();
}

/** Not compiled yet, it is not found where `exports` says; the error then names that place. */
function isProviders(resolve: () => string, name: string): boolean {
  if (name !== "lightchain-fleet/providers") return false;
  try {
    return resolve().endsWith("/dist/components/providers.js");
  } catch (error) {
    return (error as Error).message.includes("/dist/components/providers.js");
  }
}
