import Module, { createRequire } from "node:module";

/**
 * Has a CommonJS module loaded when one of its functions is first called, and not by whoever requires it. What is loaded already, or not there, stays so.
 *
 * @param name - the module, as this package would require it
 * @param functions - what it exports
 */
export function loadLate(name: string, functions: readonly string[]): void {
  const load = createRequire(__filename);
  const file = resolved(load, name);
  if (file === undefined || load.cache[file] !== undefined) return;
  const standIn = new Module(file);
  standIn.filename = file;
  standIn.loaded = true;
  const real = (): Record<string, (...values: unknown[]) => unknown> => {
    if (load.cache[file] === standIn) Reflect.deleteProperty(load.cache, file);
    return load(file) as ReturnType<typeof real>;
  };
  standIn.exports = Object.fromEntries(
    functions.map((one) => [one, (...values: unknown[]) => real()[one]?.(...values)]),
  );
  load.cache[file] = standIn;
}

function resolved(load: NodeJS.Require, name: string): string | undefined {
  try {
    return load.resolve(name);
  } catch {
    return undefined;
  }
}
