import { keccak256, stringToBytes } from "viem";
import { type ModelId, type ModelName, modelId, modelName } from "../schema/units.js";

/**
 * The network's identifier of a model: keccak256 of its exact name, tag included. A string of `0x` and 64 hex digits is an id already and is taken
 * as it is. Never hash an id again: the chain would answer about a model that does not exist. Source: sidecar reference §5.6.
 */
export function modelIdOf(nameOrId: string): ModelId {
  return modelId(/^0x[0-9a-fA-F]{64}$/.test(nameOrId) ? nameOrId : keccak256(stringToBytes(nameOrId)));
}

/** Names of models seen on the public networks (contracts reference §2). Not a whitelist: the chain says what may be served. */
export const knownModelNames: readonly ModelName[] = [
  "llama3-8b",
  "llama3-70b",
  "glm-4.7-flash",
  "gpt-oss:20b",
  "gpt-oss:120b",
  "qwen3-vl:8b",
  "qwen3-vl:30b",
  "qwen3-embedding:0.6b",
  "gemma4:e2b",
].map(modelName);

const namesById = new Map(knownModelNames.map((name) => [modelIdOf(name), name]));

/** The name behind a model id: one of `names` (what is configured), else a known one, else `undefined`. */
export function modelNameOf(id: ModelId, names: readonly ModelName[] = []): ModelName | undefined {
  return names.find((name) => modelIdOf(name) === id) ?? namesById.get(id);
}

/** The names under which a model can be asked for that Ollama lists as `name`: of `llama3-8b:latest` also `llama3-8b`. */
export const spellings = (name: string): string[] =>
  name.endsWith(":latest") ? [name, name.slice(0, -":latest".length)] : [name];
