import ts from "typescript";
import { reverts } from "../lifecycle/reverts.js";

/** A source file: its path from the root, and its text. */
export interface Source {
  readonly name: string;
  readonly text: string;
}

/** What the sources say about one code. */
export interface DocumentedError {
  readonly code: string;
  /** From a comment that begins with the code: "CODE: the stake fell below …". */
  readonly means: string;
  /** What a person is told to do next, once for each place that makes the error; what depends on the case stands in angle brackets. */
  readonly fixes: readonly string[];
  readonly where: string;
}

/** Has a chapter of its own, which is read from what it exports. */
const catalogueOfReverts = "lifecycle/reverts.ts";

/** The chapters of the catalogue, by the codes' third digit. */
const chapters: Readonly<Record<string, string>> = {
  "0": "Set-up and rehearsal network",
  "1": "Secrets",
  "2": "Chain and lifecycle",
  "3": "Host",
  "4": "Sidecar",
  "5": "Resources and preflight",
  "6": "The fleet command, and regions of AWS",
};

/**
 * `docs/errors.md`, from the sources themselves: each code with what its class or function says about it, and the `fix` that a person is told. Pure.
 */
export function renderErrors(sources: readonly Source[]): string {
  const errors = documentedErrors(sources);
  return [
    "# Errors",
    "",
    "Generated from the sources; `npx vitest run --project fast test/docs --update` writes it anew. Whatever goes wrong is one line: a code, what happened to which",
    "thing, and the next command. The code is stable; the line itself has the particulars, which stand in angle brackets here.",
    "",
    ...Object.entries(chapters).flatMap(([digit, title]) => [
      `## ${title}`,
      "",
      ...table(
        ["code", "what it means", "next", "where"],
        errors
          .filter(({ code }) => code[3] === digit)
          .map(({ code, means, fixes, where }) => [code, means, fixes.join(" · "), `\`${where}\``]),
      ),
    ]),
    "## The network's contracts",
    "",
    "What a transaction would be, or was, reverted with. Nothing was paid for one that was refused beforehand (`lifecycle/reverts.ts`).",
    "",
    ...table(
      ["code", "the contract's error", "what it means", "next"],
      Object.entries(reverts).map(([name, { code, means, fix }]) => [code, `\`${name}\``, sentence(means), fix]),
    ),
  ].join("\n");
}

/**
 * Every code that is made somewhere, in order, with what the sources say about it.
 * @throws Error for a code whose meaning or next step is not said where it is made
 */
export function documentedErrors(sources: readonly Source[]): readonly DocumentedError[] {
  const meanings = new Map(sources.flatMap(({ text }) => meaningsIn(text)));
  const nextOf = (code: string): string | undefined => / Next: (.*)$/.exec(meanings.get(code) ?? "")?.[1];
  const made = sources.filter(({ name }) => name !== catalogueOfReverts).flatMap((source) => errorsMadeIn(source));
  const byCode = [...Map.groupBy(made, ({ code }) => code)].sort(([a], [b]) => (a < b ? -1 : 1));
  return byCode.map(([code, places]) => {
    const means = meanings.get(code)?.replace(/ Next: .*/, "");
    const said = nextOf(code);
    const fixes =
      said === undefined ? [...new Set(places.flatMap(({ fix }) => (fix === undefined ? [] : [fix])))] : [said];
    const where = places[0]?.where ?? "";
    if (means === undefined) throw new Error(`${code} (${where}): no comment "${code}: …" says what it means`);
    if (fixes.length === 0) throw new Error(`${code} (${where}): nothing says what to do next`);
    return { code, means, fixes, where };
  });
}

/** "CODE: the stake …" in comments, with " Next: …" where whoever makes the error decides on its fix; and "CODE (not whitelisted), CODE (disabled): a model …" for several. */
function meaningsIn(text: string): [code: string, means: string][] {
  const comments = text.match(/\/\*[^]*?\*\/|\/\/.*/g) ?? [];
  return comments.map(plain).flatMap((comment) => {
    const [, codes = "", means = ""] = /((?:LF1\d{3}(?: too)?(?: \([^)]*\))?(?:, )?)+): (.*)/.exec(comment) ?? [];
    return [...codes.matchAll(/(LF1\d{3})( too)?(?: \(([^)]*)\))?/g)].flatMap(([, code = "", too, detail]) =>
      too === undefined
        ? [
            [code, sentence(detail === undefined ? means : `${means.replace(/\.$/, "")} (${detail})`)] as [
              string,
              string,
            ],
          ]
        : [],
    );
  });
}

/** A comment as one line, up to its first tag. */
const plain = (comment: string): string =>
  (
    comment
      .replace(/^\/\*+|\*+\/$|^\/\/ ?/g, "")
      .replace(/^\s*\* ?/gm, "")
      .split(/(?:^|\s)@[a-z]/)[0] ?? ""
  )
    .replace(/\s+/g, " ")
    .trim();

interface Made {
  readonly code: string;
  /** `undefined`: decided elsewhere. */
  readonly fix: string | undefined;
  readonly where: string;
}

function errorsMadeIn({ name, text }: Source): Made[] {
  const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const made: Made[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      const given = node.arguments ?? [];
      // The code comes first, or after an exit code or the like; then what happened, then what to do.
      const at = given.slice(0, 2).findIndex((argument) => codesOf(argument).length > 0);
      const code = given[at];
      const fix = [...given.slice(at + 1).map(fixIn), textOf(given[at + 2])].find((found) => found !== undefined);
      if (code !== undefined) made.push(...codesOf(code).map((one) => ({ code: one, fix, where: name })));
    }
    if (isText(node)) {
      const line = /^(LF1\d{3}): .* Next: (.*)$/.exec(textOf(node) ?? "");
      if (line) made.push({ code: line[1] ?? "", fix: line[2], where: name });
    }
    if (ts.isObjectLiteralExpression(node)) {
      const code = valueOf(node, "code");
      if (code !== undefined) made.push(...codesOf(code).map((one) => ({ code: one, fix: fixIn(node), where: name })));
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return made;
}

const isText = (node: ts.Node): node is ts.Expression =>
  ts.isStringLiteralLike(node) || ts.isTemplateExpression(node) || ts.isBinaryExpression(node);

/** The codes that an expression may be. */
function codesOf(node: ts.Expression): string[] {
  if (ts.isConditionalExpression(node)) return [...codesOf(node.whenTrue), ...codesOf(node.whenFalse)];
  if (ts.isBinaryExpression(node)) return codesOf(node.right); // `a ?? "LF…"`
  if (ts.isIdentifier(node)) return codesOfParameter(node);
  return ts.isStringLiteral(node) && /^LF1\d{3}$/.test(node.text) ? [node.text] : [];
}

/** The codes that the type of a parameter allows: `code: "LF…" | "LF…"`. */
function codesOfParameter(use: ts.Identifier): string[] {
  const around = ts.findAncestor(use, ts.isFunctionLike);
  const type = around?.parameters.find((parameter) => parameter.name.getText() === use.text)?.type;
  return type?.getText().match(/LF1\d{3}(?=")/g) ?? [];
}

/** The text of `fix` in `{ fix: …, cause }`. */
function fixIn(node: ts.Expression): string | undefined {
  return ts.isObjectLiteralExpression(node) ? textOf(valueOf(node, "fix")) : undefined;
}
function valueOf(node: ts.ObjectLiteralExpression, name: string): ts.Expression | undefined {
  const property = node.properties.find((one) => one.name?.getText() === name);
  return property !== undefined && ts.isPropertyAssignment(property) ? property.initializer : undefined;
}

/** A text with what depends on the case in angle brackets; `undefined` when all of it does. */
function textOf(node: ts.Expression | undefined): string | undefined {
  if (node === undefined) return undefined;
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node))
    return (
      node.head.text +
      node.templateSpans.map(({ expression, literal }) => `<${nameOf(expression)}>${literal.text}`).join("")
    );
  if (ts.isConditionalExpression(node)) return [node.whenTrue, node.whenFalse].map(textOf).join(", or: ");
  if (ts.isIdentifier(node)) return textOf(constantOf(node));
  if (!ts.isBinaryExpression(node)) return undefined;
  const [left, right] = [textOf(node.left), textOf(node.right)];
  if (node.operatorToken.kind === ts.SyntaxKind.PlusToken)
    return `${left ?? `<${nameOf(node.left)}>`}${right ?? `<${nameOf(node.right)}>`}`;
  return right; // `entry?.fix ?? "…"`
}

/** What a constant of the same file was set to. */
function constantOf(use: ts.Identifier): ts.Expression | undefined {
  const declared = use
    .getSourceFile()
    .statements.filter(ts.isVariableStatement)
    .flatMap(({ declarationList }) => [...declarationList.declarations]);
  return declared.find(({ name }) => name.getText() === use.text)?.initializer;
}

/** What stands in for a value: its last name. */
const nameOf = (expression: ts.Expression): string =>
  expression
    .getText()
    .match(/[A-Za-z]\w*/g)
    ?.at(-1) ?? "…";

const sentence = (text: string): string => {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return whole.endsWith(".") ? whole : `${whole}.`;
};

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const line = (row: readonly string[]): string => `| ${row.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...cells.map(line), ""];
}
