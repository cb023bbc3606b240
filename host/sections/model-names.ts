import { createHash } from "node:crypto";

/**
 * A model's name the way Ollama compares and lists it: lower case, without the parts that are its own defaults, with a tag. Pure.
 * `Llama3`, `library/llama3` and `registry.ollama.ai/library/llama3:latest` are one model.
 */
export function canonicalName(name: string): string {
  const short = name
    .toLowerCase()
    .replace(/^registry\.ollama\.ai\//, "")
    .replace(/^library\//, "");
  return short.lastIndexOf(":") > short.lastIndexOf("/") ? short : `${short}:latest`;
}

/** Whether two names are one model to Ollama. */
export const isSameModel = (a: string, b: string): boolean => canonicalName(a) === canonicalName(b);

/**
 * Under which name a model is kept while something is done to `name`; the same for every run, so that the next one finds it.
 * @param why `before` a pull, to come back unless what comes is accepted; or `replaced`, to be let go
 */
export const asideName = (name: string, why: "before" | "replaced"): string =>
  `lightchain-aside/${createHash("sha256").update(canonicalName(name)).digest("hex").slice(0, 16)}:${why}`;

/** Whether a name is one under which a model is kept meanwhile. */
export const isAside = (name: string): boolean => name.startsWith("lightchain-aside/");
