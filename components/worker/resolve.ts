import { parseEther } from "viem";
import { z } from "zod";
import { recoveryKeySchema } from "../../keystore/recovery-key.js";
import type { StakePolicy } from "../../lifecycle/types.js";
import { FleetError } from "../../schema/errors.js";
import { modelNameSchema } from "../../schema/json.js";
import { addressSchema, writtenNetworkSchema, type Network } from "../../schema/network.js";
import { tuningSchema } from "../../schema/settings.js";
import { wei, type Address, type Hex, type ModelName, type Wei } from "../../schema/units.js";
import { defaultPatienceMs } from "../chain/leave.js";
import type { FundingCaps } from "../../lifecycle/fund.js";
import type { ServiceTuning } from "../service/service.js";
import { keyReferenceSchema, type KeyReference } from "../worker-reference.js";
import { resolveHost, type Checker, type HostChoice, type ResolvedHost } from "./resolve-host.js";

/** A model to serve: its network name, or that with where Ollama pulls it from. */
export type ModelChoice =
  string | { readonly name: string; readonly source?: string; readonly insecure?: boolean; readonly digest?: string };

/** Arguments of {@link LightchainWorker}. Amounts of money are LCAI as decimal text, for instance `"50"`. */
export interface LightchainWorkerArgs {
  /** The network to join: an entry of the networks table or the content of a `network.json`. */
  readonly network: Network;
  /** The machine: this one, with `ssh` another one, or with `docker` two containers on an engine. */
  readonly host: HostChoice;
  /** What to serve; at least one. */
  readonly models: readonly ModelChoice[];
  /** Store of the worker's secret record, for instance `file:/home/me/.lightchain/keys`. */
  readonly store: string;
  /** The account that funds. */
  readonly treasury: KeyReference;
  /** Where everything goes in the end. Mandatory, and fixed when the keys are made. */
  readonly refundTo: string;
  /**
   * Public half of a recovery key (64 hex digits, from `npx fleet keys new-recovery-key`): a backup of the worker's keys that only the secret half opens is then
   * kept beside them. Default: none, and what is staked is lost with this disk.
   */
  readonly recoveryKey?: string;
  /** Raised to register again after a leave. Default 1. */
  readonly generation?: number;
  /** Start leaving ahead of a destroy. Default false. */
  readonly leaving?: boolean;
  /** Most LCAI to stake when the network's minimum is followed. Default `"50000"`. */
  readonly maxStake?: string;
  /** Exactly this much LCAI staked instead of the network's minimum. */
  readonly stake?: string;
  /** LCAI kept for gas beside the stake. Default `"50"`. */
  readonly gasReserve?: string;
  /**
   * Most LCAI in one payment from the treasury, within 24 hours, and in the worker's life. Default: stake limit + gas reserve, no limit of a day's own, and twice the first with ten more gas
   * reserves.
   */
  readonly caps?: { readonly perAction?: string; readonly perDay?: string; readonly lifetime?: string };
  /** How long a destroy waits for jobs and dispute windows (ms). Default 900,000 (15 min). */
  readonly exitMaxWaitMs?: number;
  /** How long an `up` or a destroy waits while the worker is in trouble and gets no further (ms). Default 60,000. The worker itself goes on trying. */
  readonly patienceMs?: number;
  /** Settings of the sidecar. */
  readonly tuning?: ServiceTuning;
}

/** A worker with every default filled in and every value checked. */
export interface ResolvedWorker {
  readonly name: string;
  readonly network: Network;
  readonly host: ResolvedHost;
  readonly models: readonly { name: ModelName; source: string; insecure: boolean; digest?: string }[];
  readonly store: string;
  readonly treasury: KeyReference;
  readonly refundTo: Address;
  readonly recoveryKey?: Hex;
  readonly generation: number;
  readonly leaving: boolean;
  readonly stake: StakePolicy;
  readonly gasReserve: Wei;
  readonly caps: FundingCaps;
  readonly exitMaxWaitMs: number;
  readonly patienceMs: number;
  readonly tuning: ServiceTuning;
}

/** LF1550: an argument of a worker is missing or makes no sense. */
export class BadWorkerArgument extends FleetError {
  constructor(worker: string, argument: string, why: string) {
    super("LF1550", `Worker ${worker}: ${argument} ${why}.`, { fix: `correct "${argument}" and run pulumi up again.` });
  }
}

/** Fills in every default and checks every value. Pure. @throws BadWorkerArgument LF1550, with the first thing wrong */
export function resolveWorker(name: string, args: LightchainWorkerArgs): ResolvedWorker {
  const check: Checker = (argument, schema, value) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    throw new BadWorkerArgument(name, argument, describe(value, parsed.error));
  };
  const money = (argument: string, text: string): Wei => check(argument, lcaiSchema, text);

  check("tuning", tuningSchema, args.tuning ?? {}); // its defaults are the sidecar's to fill in
  check("caps", capsSchema, args.caps ?? {});
  const maxStake = money("maxStake", args.maxStake ?? "50000");
  const gasReserve = money("gasReserve", args.gasReserve ?? "50");
  const stake: StakePolicy =
    args.stake === undefined
      ? { kind: "minimum", max: maxStake }
      : { kind: "fixed", amount: money("stake", args.stake) };
  const largest = wei((stake.kind === "fixed" ? stake.amount : maxStake) + gasReserve);
  const host = resolveHost(args.host, check);
  // A spot machine is told before it is taken back; on any other one nobody would answer.
  const interruptions = "aws" in host && host.aws.spot ? ({ interruptions: "ec2" } as const) : {};
  const cloudwatch = "aws" in host ? host.in.told({ worker: name, gpu: host.gpu !== "none" }) : null;
  return {
    name: check("its name", nameSchema, name),
    network: check("network", writtenNetworkSchema, args.network),
    host,
    models: check("models", modelsSchema, args.models),
    store: check("store", z.string().regex(/^[a-z-]+:.+/, "names no store, such as file:/path"), args.store),
    treasury: check("treasury", keyReferenceSchema, args.treasury),
    refundTo: check("refundTo", addressSchema, args.refundTo),
    ...(args.recoveryKey === undefined
      ? {}
      : { recoveryKey: check("recoveryKey", recoveryKeySchema, args.recoveryKey) }),
    generation: check("generation", z.number().int().positive(), args.generation ?? 1),
    leaving: args.leaving ?? false,
    stake,
    gasReserve,
    caps: {
      perAction: args.caps?.perAction === undefined ? largest : money("caps.perAction", args.caps.perAction),
      ...(args.caps?.perDay === undefined ? {} : { perDay: money("caps.perDay", args.caps.perDay) }),
      lifetime:
        args.caps?.lifetime === undefined
          ? wei(2n * largest + 10n * gasReserve)
          : money("caps.lifetime", args.caps.lifetime),
    },
    exitMaxWaitMs: check("exitMaxWaitMs", z.number().int().positive(), args.exitMaxWaitMs ?? 900_000),
    patienceMs: check("patienceMs", z.number().int().positive(), args.patienceMs ?? defaultPatienceMs),
    tuning: { ...interruptions, ...(cloudwatch === null ? {} : { cloudwatch }), ...args.tuning },
  };
}

const nameSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/, "is not letters, digits and dashes, at most 63");
/** In YAML a whole amount may come as a number; another one has to be text, for a number keeps no 18 digits behind the point. */
const amountSchema = z.preprocess((value) => (Number.isSafeInteger(value) ? String(value) : value), z.string());
const lcaiSchema = amountSchema
  .refine((text) => /^[0-9]+(\.[0-9]{1,18})?$/.test(text), 'is not an amount of LCAI such as "50" or "0.25"')
  .transform((text): Wei => wei(parseEther(text)));
/** A cap that nobody knows would bound nothing. */
const capsSchema = z.strictObject({
  perAction: z.unknown().optional(),
  perDay: z.unknown().optional(),
  lifetime: z.unknown().optional(),
});
const modelsSchema = z
  .array(
    z
      .union([
        z.string(),
        z.object({
          name: z.string(),
          source: z.string().optional(),
          insecure: z.boolean().optional(),
          digest: z.string().optional(),
        }),
      ])
      .transform((choice) => (typeof choice === "string" ? { name: choice } : choice))
      .transform(({ name, source, insecure, digest }) => ({
        name: modelNameSchema.parse(name),
        source: source ?? name,
        insecure: insecure ?? false,
        ...(digest === undefined ? {} : { digest }),
      })),
  )
  .min(1, "names no model")
  .refine((models) => new Set(models.map((model) => model.name)).size === models.length, "names a model twice");

/** What is wrong with a value. Of one with parts only which part: somebody may have put a key or a password there. */
function describe(value: unknown, error: z.ZodError): string {
  if (value === undefined || value === "") return "is missing";
  const issue = error.issues[0];
  const part = issue?.path.join(".") ?? "";
  const what = issue?.message ?? "is wrong";
  if (!hasParts(value)) return `(${JSON.stringify(value)}) ${what}`;
  return part === "" ? `is wrong: ${what}` : `(${part}) ${what}`;
}
const hasParts = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);
