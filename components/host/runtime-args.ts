import type * as pulumi from "@pulumi/pulumi";
import type { Gpu, PinnedOllama } from "../../schema/host.js";
import { compiled } from "../../system/package-root.js";
import { bundleHash } from "./bundle.js";
export type { Gpu, PinnedOllama };
/** What becomes of models in our Ollama that no worker names. */
export type Strangers = "keep" | "remove";

/** What is asked of any kind of host beside the way to it. */
export interface RuntimeArgs {
  /** Path of the `ollama` program there, or the release that is brought there: its version, and the SHA-256 of its archive. */
  readonly ollama: pulumi.Input<string | PinnedOllama>;
  /** Loopback port for an Ollama of our own; one that the user runs is never touched. */
  readonly ollamaPort: pulumi.Input<number>;
  /** Tokens of context models are loaded with. Default 0: the model's own. */
  readonly contextLength?: pulumi.Input<number>;
  /** Whether its models must run on a GPU. Default `required`: computing on the CPU has to be asked for with `none`. */
  readonly gpu?: pulumi.Input<Gpu>;
  /** The GPUs that this Ollama sees, by their indexes or by their UUIDs (`nvidia-smi -L`). Default: all. Two hosts on one machine take different ones. */
  readonly gpus?: pulumi.Input<readonly string[]>;
  /** Models in our Ollama that no worker names: `keep` reports them, `remove` takes them away. Default `keep`. */
  readonly strangers?: pulumi.Input<Strangers>;
  /** Models that workers will serve here, by the network's names: the machine is held against them. Default: none. */
  readonly models?: readonly string[];
  /** Where those workers will ask. Default: nothing is asked. */
  readonly endpoints?: readonly Endpoint[];
}

/** One of a network's endpoints. */
export interface Endpoint {
  /** `rpc`, `gateway` and `beacon` must answer; without any other one a worker can do. */
  readonly name: string;
  readonly url: string;
}

/** What is asked of a machine, whatever the way to it. */
export interface MachineArgs extends RuntimeArgs {
  /** The host's name; secrets are bound to it. Default: the resource's name. */
  readonly host?: string;
  /** Absolute path of the folder that will hold everything of ours on that machine. */
  readonly root: pulumi.Input<string>;
  /** Folder of the worker bundle. Default: the one this package was built with. */
  readonly bundle?: string;
}

/** Inputs of a machine's resource beside its kind and the way to it, every default filled in, with what is known only later. Reads the bundle's manifest. */
export function machineInputs(name: string, args: MachineArgs) {
  const bundle = args.bundle ?? compiled("bundle");
  return {
    name: args.host ?? name,
    root: args.root,
    ...runtimeInputs(args),
    bundle,
    // Named by content, so that a rebuilt bundle is a change that Pulumi sees.
    wantedBundle: bundleHash(bundle),
    ...{ reference: undefined, bundleHash: undefined, ollamaUrl: undefined, facts: undefined },
  };
}

/** What is asked of any kind of host, as inputs, every default filled in. Pure. */
export const runtimeInputs = (args: RuntimeArgs) => ({
  ollama: args.ollama,
  ollamaPort: args.ollamaPort,
  contextLength: args.contextLength ?? 0,
  gpu: args.gpu ?? "required",
  // left out where it is: a host that was made before there was such an input is no other one
  ...(args.gpus === undefined ? {} : { gpus: args.gpus }),
  strangers: args.strangers ?? "keep",
  models: [...(args.models ?? [])],
  endpoints: [...(args.endpoints ?? [])],
});
