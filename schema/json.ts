import { z } from "zod";
import { blockTime, jobId, modelId, modelName, sessionId, wei, type Hex } from "./units.js";

/*
 * How values that JSON lacks travel in our documents: every integer of the chain as a decimal string, so that nothing is ever rounded.
 * Each schema below reads its wire form into the branded value; `toJson` writes any document of ours back.
 */
const decimal = z
  .union([z.string().regex(/^(0|[1-9][0-9]*)$/, "not a decimal integer"), z.bigint().nonnegative()])
  .transform((value) => BigInt(value));

/** A whole number, as a decimal string in JSON. */
export const bigintSchema = decimal;
/** An amount in wei, as a decimal string. */
export const weiSchema = decimal.transform(wei);
/** Unix seconds of a block, as a decimal string. */
export const blockTimeSchema = decimal.transform(blockTime);
/** A job's id, as a decimal string. */
export const jobIdSchema = decimal.transform(jobId);
/** A session's id, as a decimal string. */
export const sessionIdSchema = decimal.transform(sessionId);
/** keccak256 of a model's exact name. */
export const modelIdSchema = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/, "not a model id")
  .transform(modelId);
/** A model's name, as the network spells it. */
export const modelNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]*$/, "not a model's name")
  .transform(modelName);
/** Bytes in hex, with 0x. */
export const hexSchema = z
  .string()
  .regex(/^0x([0-9a-fA-F]{2})*$/, "not hex")
  .transform((text) => text.toLowerCase() as Hex);
/** 32 bytes in hex, with 0x. */
export const hashSchema = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/, "not a 32-byte hash")
  .transform((text) => text.toLowerCase() as Hex);

/** One line of JSON in which every bigint is a decimal string. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => (typeof item === "bigint" ? item.toString() : item));
}

/** A plain-data copy of `value` in which every bigint is a decimal string: what may go into Pulumi inputs and outputs. */
export const toPlain = (value: unknown): unknown => JSON.parse(toJson(value)) as unknown;
