import { createHash } from "node:crypto";

/** Where a model is pulled from, as Ollama reads its source. */
export interface ModelSource {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
}

/** Reads `llama3:8b` or `127.0.0.1:5000/ns/name:tag`: without a registry it is Ollama's own, without a namespace its library. Pure. */
export function readSource(source: string): ModelSource {
  const parts = source.replace(/^https?:\/\//, "").split("/");
  const [name = "", tag = "latest"] = (parts.pop() ?? "").split(":");
  const namespace = parts.pop() ?? "library";
  return { registry: parts.join("/") || "registry.ollama.ai", repository: `${namespace}/${name}`, tag };
}

/** How long a registry may take (ms). */
const answerMs = 5_000;

/**
 * The digests that a model's manifest has at its source now, in each spelling of it that Ollama may have kept; none when the registry does not tell. Nothing is
 * pulled.
 */
export async function digestsAtSource({ source, insecure }: { source: string; insecure: boolean }): Promise<string[]> {
  const { registry, repository, tag } = readSource(source);
  try {
    const response = await fetch(`${insecure ? "http" : "https"}://${registry}/v2/${repository}/manifests/${tag}`, {
      headers: { accept: "application/vnd.docker.distribution.manifest.v2+json" },
      signal: AbortSignal.timeout(answerMs),
    });
    return response.ok ? spellings(await response.text()) : [];
  } catch {
    return [];
  }
}

/** Older versions of Ollama write a manifest anew, without blanks. */
const spellings = (manifest: string): string[] =>
  [manifest, JSON.stringify(JSON.parse(manifest))].map((text) => createHash("sha256").update(text).digest("hex"));
