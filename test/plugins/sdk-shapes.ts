import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { packageRoot } from "../../system/package-root.js";
import type { ObjectShape, Shape } from "./engine/shape.js";

/** The type of a resource's arguments: where it is exported, and its name. */
export type ArgumentsType = readonly [module: string, name: string];

/** Deeper than any argument that we use: a type that names itself ends here. */
const deepest = 8;

/**
 * What resources take by their SDK's own types, by TypeScript's checker: names, which may be left out, and what each is. That a value may also be an output or a
 * promise is left out.
 */
export function shapesOf(resources: Readonly<Record<string, ArgumentsType>>): Record<string, ObjectShape> {
  const folder = mkdtempSync(join(packageRoot(), ".fleet-shapes-")); // here, where imports find the packages
  try {
    const file = join(folder, "probe.ts");
    const lines = Object.values(resources).map(
      ([module, name], index) =>
        `import type { ${name} as T${index} } from "${module}";\nexport declare const x${index}: T${index};\n`,
    );
    writeFileSync(file, lines.join(""));
    const program = ts.createProgram([file], {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      strict: true,
      skipLibCheck: true,
      noEmit: true,
      types: [],
    });
    const source = program.getSourceFile(file);
    if (source === undefined) throw new Error("the probe was not read");
    const [mistake] = ts.getPreEmitDiagnostics(program, source);
    if (mistake) throw new Error(ts.flattenDiagnosticMessageText(mistake.messageText, "\n"));
    const reader = readerOf(program.getTypeChecker(), source);
    return Object.fromEntries(Object.keys(resources).map((token, index) => [token, reader(`x${index}`)]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readerOf(checker: ts.TypeChecker, source: ts.SourceFile): (name: string) => ObjectShape {
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(source)!);
  return (name) => {
    const symbol = exported.find((one) => one.name === name)!;
    return objectShape(checker.getTypeOfSymbolAtLocation(symbol, source), 0);
  };

  function objectShape(type: ts.Type, depth: number): ObjectShape {
    if (depth > deepest) throw new Error(`${checker.typeToString(type)} is too deep`);
    return Object.fromEntries(
      type.getProperties().map((property) => {
        const isOptional = (property.flags & ts.SymbolFlags.Optional) !== 0;
        const shape = shapeOf(checker.getTypeOfSymbolAtLocation(property, source), depth);
        return [`${property.name}${isOptional ? "?" : ""}`, shape];
      }),
    );
  }

  function shapeOf(type: ts.Type, depth: number): Shape {
    const members = plainMembers(type);
    const [first] = members;
    if (first === undefined) throw new Error(`no plain value is a ${checker.typeToString(type)}`);
    if ((first.flags & ts.TypeFlags.Any) !== 0) return "any";
    if (members.every((one) => one.isStringLiteral())) return { oneOf: members.map((one) => one.value).sort() };
    for (const [flag, name] of primitives) if ((first.flags & flag) !== 0) return name;
    if (members.every((one) => ["Asset", "Archive"].includes(one.symbol?.name ?? ""))) return "asset";
    if (checker.isArrayType(first))
      return { list: shapeOf(checker.getTypeArguments(first as ts.TypeReference)[0]!, depth + 1) };
    const index = checker.getIndexInfosOfType(first)[0];
    if (index && first.getProperties().length === 0) return { map: shapeOf(index.type, depth + 1) };
    return { object: objectShape(first, depth + 1) };
  }

  /** `Input<T>` is `T | Promise<T> | OutputInstance<T>`: the members that are values by themselves. */
  function plainMembers(type: ts.Type): ts.Type[] {
    const isWrapper = (one: ts.Type): boolean =>
      ["Promise", "OutputInstance"].includes(one.symbol?.name ?? "") ||
      (one.isIntersection() && one.types.some(isWrapper));
    return (type.isUnion() ? type.types : [type]).filter(
      (one) => !isWrapper(one) && (one.flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Null)) === 0,
    );
  }
}

const primitives: readonly (readonly [ts.TypeFlags, Shape])[] = [
  [ts.TypeFlags.StringLike, "string"],
  [ts.TypeFlags.NumberLike, "number"],
  [ts.TypeFlags.BooleanLike, "boolean"],
];
