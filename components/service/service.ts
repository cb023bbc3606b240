import type * as pulumi from "@pulumi/pulumi";
import type { SettingsInput } from "../../schema/settings.js";
import { LateResource } from "../late-resource.js";
import type { WorkerReference } from "../worker-reference.js";

/** What goes to CloudWatch. Where the log lines go is known once the group is there. */
export type CloudWatchSetting = Omit<NonNullable<SettingsInput["cloudwatch"]>, "logGroup"> & {
  readonly logGroup?: pulumi.Input<string | null>;
};

/** What an operator may tune of the sidecar; the rest follows from the worker. */
export type ServiceTuning = Pick<
  SettingsInput,
  "metricsPort" | "interruptions" | "logLevel" | "chain" | "jobs" | "services"
> & {
  readonly cloudwatch?: CloudWatchSetting | null;
  readonly inference?: Omit<SettingsInput["inference"], "ollamaUrl">;
};

/** Arguments of {@link Service}. */
export interface ServiceArgs {
  readonly worker: pulumi.Input<WorkerReference>;
  /** Hash of the bundle to run, as the host holds it. */
  readonly bundle: pulumi.Input<string>;
  /** The network's names of the models it may serve. */
  readonly models: pulumi.Input<readonly string[]>;
  /** Where Ollama answers on that host. */
  readonly ollamaUrl: pulumi.Input<string>;
  /** Settings of the sidecar; `docs/settings.md` lists them. */
  readonly tuning?: ServiceTuning;
}

/**
 * The worker's sidecar in standby: it holds key and epoch and serves nobody yet. Its delete lets running jobs finish and stops it; nothing more.
 */
export class Service extends LateResource {
  /** Under which epoch this host may sign. */
  declare readonly epoch: pulumi.Output<number>;
  /** Models that are not offered any more, and answered for until the last session that uses them has ended. */
  declare readonly retiring: pulumi.Output<readonly string[]>;

  constructor(name: string, args: ServiceArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      "service",
      "Service",
      name,
      { ...args, tuning: args.tuning ?? {}, epoch: undefined, holder: undefined, retiring: undefined },
      opts,
    );
  }
}
