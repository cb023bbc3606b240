import { createHash } from "node:crypto";
import type { ModelName } from "../../schema/units.js";
import type { TinyModelText } from "./answers.js";
import { buildTinyModel } from "./tiny-model.js";

/** `sha256:` and 64 lower-case hex digits. */
export type Digest = `sha256:${string}`;

/** A model as a registry stores it: a manifest and the blobs that it names. */
export interface PackedModel {
  /** Repository in the registry's one namespace, without tag. */
  readonly repository: string;
  readonly tag: string;
  /** The manifest's bytes, spelled exactly as Ollama stores them after a pull. */
  readonly manifest: Buffer;
  /** The manifest's digest; Ollama reports it, without `sha256:`, as the model's digest in `/api/tags`. */
  readonly digest: Digest;
  readonly blobs: ReadonlyMap<Digest, Buffer>;
}

/** Repository and tag that a network's model name stands for, as Ollama splits it; without a tag it is `latest`. */
export function splitModelName(name: ModelName): { repository: string; tag: string } {
  const [repository = name, tag = "latest"] = name.split(":");
  return { repository, tag };
}

/** Packs weights, chat template, parameters and config as Ollama's own registry does (manifest of Docker's version 2). */
export function packModel(text: TinyModelText): PackedModel {
  const weights = layer("application/vnd.ollama.image.model", buildTinyModel(text));
  const template = layer("application/vnd.ollama.image.template", Buffer.from(TEMPLATE));
  const parameters = layer("application/vnd.ollama.image.params", Buffer.from(JSON.stringify(PARAMETERS)));
  const layers = [weights, template, parameters];
  const config = layer(
    "application/vnd.docker.container.image.v1+json",
    Buffer.from(
      JSON.stringify({
        model_format: "gguf",
        model_family: "llama",
        model_families: ["llama"],
        model_type: "350K",
        file_type: "F32",
        architecture: "amd64",
        os: "linux",
        rootfs: { type: "layers", diff_ids: layers.map(({ entry }) => entry.digest) },
      }),
    ),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: config.entry,
      layers: layers.map(({ entry }) => entry),
    }),
  );
  return {
    ...splitModelName(text.name),
    manifest,
    digest: digestOf(manifest),
    blobs: new Map([...layers, config].map(({ entry, bytes }) => [entry.digest, bytes])),
  };
}

/** Media type of a manifest. */
export const MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json";

/** Every turn on a line of its own, a space before it: a word is only known after a space. */
const TEMPLATE = "{{ range .Messages }} {{ .Content }}\n{{ end }}";

/** One thread is plenty, and several wait for each other in a spin, which on a busy machine takes a hundred times as long. */
const PARAMETERS = { num_thread: 1 };

interface Layer {
  readonly entry: { readonly mediaType: string; readonly digest: Digest; readonly size: number };
  readonly bytes: Buffer;
}

const layer = (mediaType: string, bytes: Buffer): Layer => ({
  entry: { mediaType, digest: digestOf(bytes), size: bytes.length },
  bytes,
});

const digestOf = (bytes: Buffer): Digest => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
