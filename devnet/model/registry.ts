import { Hono } from "hono";
import type { ModelName } from "../../schema/units.js";
import { systemClock, type Clock } from "../../system/clock.js";
import { faultMiddleware, Faults } from "../faults.js";
import { serveOnLoopback } from "../loopback.js";
import type { TinyModelText } from "./answers.js";
import { parseByteRange } from "./byte-range.js";
import { MANIFEST_TYPE, packModel, splitModelName, type Digest, type PackedModel } from "./manifest.js";

/** A running model registry. */
export interface ModelRegistry {
  /** `http://127.0.0.1:<port>`: the network's `modelRegistry` endpoint. */
  readonly url: string;
  /** What Ollama is asked to pull, with `insecure: true`, to get a model: `127.0.0.1:<port>/library/<name>`. */
  pullName(name: ModelName): string;
  /** The digest of the model's manifest; Ollama reports it without `sha256:`. @throws Error for a name that is not served */
  digestOf(name: ModelName): Digest;
  stop(): Promise<void>;
}

/** The only namespace: Ollama's default one. */
const NAMESPACE = "library";

/**
 * Serves models the way Ollama's registry does: manifests, and blobs by a redirect to another host name (Ollama refuses a blob that is
 * answered directly).
 *
 * @param options.faults part `registry` suffers them. Default: none
 * @param options.port Default: one that is free
 * @throws PortTaken (LF1021)
 */
export async function startModelRegistry(options: {
  models: readonly TinyModelText[];
  faults?: Faults;
  clock?: Clock;
  port?: number;
}): Promise<ModelRegistry> {
  const models = options.models.map(packModel);
  const served = await serveOnLoopback(
    registryApp(models, options.faults ?? new Faults(), options.clock ?? systemClock),
    "model registry",
    options.port,
  );
  const host = `127.0.0.1:${served.port}`;
  return {
    url: `http://${host}`,
    pullName: (name) => `${host}/${NAMESPACE}/${name}`,
    digestOf: (name) => {
      const { repository, tag } = splitModelName(name);
      const model = findModel(models, repository, tag);
      if (!model) throw new Error(`the rehearsal registry has no model ${name}`);
      return model.digest;
    },
    stop: () => served.stop(),
  };
}

/** The registry's routes, for use without a server. */
export function registryApp(models: readonly PackedModel[], faults = new Faults(), clock: Clock = systemClock): Hono {
  const app = new Hono();
  app.use(faultMiddleware(faults, "registry", clock));
  app.get(`/v2/${NAMESPACE}/:repository/manifests/:tag`, (context) => {
    const model = findModel(models, context.req.param("repository"), context.req.param("tag"));
    if (!model) return context.json(notFound("MANIFEST_UNKNOWN"), 404);
    return context.body(new Uint8Array(model.manifest), 200, {
      "content-type": MANIFEST_TYPE,
      "content-length": String(model.manifest.length),
      "docker-content-digest": model.digest,
    });
  });
  app.get(`/v2/${NAMESPACE}/:repository/blobs/:digest`, (context) => {
    const { repository, digest } = context.req.param();
    if (!findBlob(models, digest, repository)) return context.json(notFound("BLOB_UNKNOWN"), 404);
    const target = new URL(context.req.url);
    target.hostname = target.hostname === "localhost" ? "127.0.0.1" : "localhost";
    target.pathname = `/storage/${digest}`;
    return context.redirect(target.href, 307);
  });
  app.get("/storage/:digest", (context) => {
    const blob = findBlob(models, context.req.param("digest"));
    if (!blob) return context.json(notFound("BLOB_UNKNOWN"), 404);
    return blobAnswer(blob, context.req.header("range"));
  });
  return app;
}

const notFound = (code: string) => ({ errors: [{ code, message: "not in the rehearsal registry" }] });

const findModel = (models: readonly PackedModel[], repository: string, tag: string): PackedModel | undefined =>
  models.find((model) => model.repository === repository && model.tag === tag);

const findBlob = (models: readonly PackedModel[], digest: string, repository?: string): Buffer | undefined =>
  models
    .filter((model) => repository === undefined || model.repository === repository)
    .map((model) => model.blobs.get(digest as Digest))
    .find((blob) => blob !== undefined);

function blobAnswer(blob: Buffer, rangeHeader: string | undefined): Response {
  const headers = { "content-type": "application/octet-stream", "accept-ranges": "bytes" };
  const range = parseByteRange(rangeHeader, blob.length);
  if (range === "unsatisfiable")
    return new Response(null, { status: 416, headers: { ...headers, "content-range": `bytes */${blob.length}` } });
  if (!range)
    return new Response(new Uint8Array(blob), { headers: { ...headers, "content-length": String(blob.length) } });
  const part = new Uint8Array(blob.subarray(range.first, range.last + 1));
  return new Response(part, {
    status: 206,
    headers: {
      ...headers,
      "content-length": String(part.length),
      "content-range": `bytes ${range.first}-${range.last}/${blob.length}`,
    },
  });
}
