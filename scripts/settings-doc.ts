import { z } from "zod";
import { settingsSchema } from "../schema/settings.js";

const aboutSchema = z.looseObject({ doc: z.string(), env: z.string().optional() });

/** `docs/settings.md`, from the schema itself: a setting that is not described cannot be rendered. Pure. */
export function renderSettings(): string {
  const entries = Object.entries(settingsSchema.shape).map(([name, schema]) => ({
    name,
    schema,
    inner: sectionOf(schema),
  }));
  const own = entries.filter(({ inner }) => inner === undefined);
  const sections = entries.flatMap(({ name, inner }) => (inner === undefined ? [] : [{ name, shape: inner.shape }]));
  return [
    "# Settings of the sidecar",
    "",
    "Generated from `schema/settings.ts`; `npx vitest run --project fast test/docs --update` writes it anew. The stack fills in identity and places; everything else is set",
    "under `tuning` of a worker, section by section, and checked before anything is changed. Durations are milliseconds; prices are wei as decimal strings.",
    "",
    ...table("", own),
    ...sections.flatMap(({ name, shape }) => [
      `## ${name}`,
      "",
      ...table(
        `${name}.`,
        Object.entries(shape).map(([key, schema]) => ({ name: key, schema })),
      ),
    ]),
  ].join("\n");
}

type Shape = Readonly<Record<string, z.core.$ZodType>>;

function table(prefix: string, settings: readonly { name: string; schema: z.core.$ZodType }[]): string[] {
  const rows = settings.map(({ name, schema }) => {
    const { doc, env } = aboutSchema.parse(z.globalRegistry.get(schema));
    return [`\`${prefix}${name}\``, defaultOf(schema), doc, env === undefined ? "" : `\`${env}\``];
  });
  const all = [["Setting", "Default", "What", "The reference worker's name"], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = all;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line), ""];
}

/** What a section holds, with whatever wraps it taken off. */
function sectionOf(schema: z.core.$ZodType): { shape: Shape } | undefined {
  if (z.globalRegistry.get(schema)?.["doc"] !== undefined) return undefined;
  if (schema instanceof z.ZodPrefault) return sectionOf(schema.unwrap());
  if (schema instanceof z.ZodObject) return { shape: schema.shape };
  throw new TypeError("a setting that says nothing about itself");
}

const defaultOf = (schema: z.core.$ZodType): string =>
  schema instanceof z.ZodDefault ? `\`${JSON.stringify(schema.def.defaultValue)}\`` : "required";
