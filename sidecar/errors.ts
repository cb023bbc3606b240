import { FleetError } from "../schema/errors.js";
import type { ModelName } from "../schema/units.js";

/* What the model server's and the gateway's ports reject with. Those of the chain's ports are in failures.ts. */

/** LF1430: the model server does not answer. */
export class InferenceUnavailable extends FleetError {
  constructor(
    readonly url: string,
    cause: unknown,
  ) {
    super("LF1430", `Ollama at ${url} does not answer.`, {
      fix: "see that Ollama runs on the worker's host; it is asked again by itself.",
      cause,
    });
  }
}

/** LF1431: the model server lacks a model. */
export class ModelMissing extends FleetError {
  constructor(readonly model: ModelName) {
    super("LF1431", `Ollama has no model named ${model}.`, {
      fix: "run `pulumi up` again: it pulls the model and gives it the network's name.",
    });
  }
}

/** LF1432: a generation failed: the server said so, its answer was cut off, or it took too long. */
export class InferenceFailed extends FleetError {
  constructor(
    readonly model: ModelName,
    readonly reason: string,
    cause?: unknown,
  ) {
    super("LF1432", `${model} did not answer: ${reason}.`, {
      fix: "look at Ollama's log on the worker's host (memory, model file).",
      cause,
    });
  }
}

/** LF1433: the model generated nothing that could be settled. */
export class EmptyAnswer extends FleetError {
  constructor(
    readonly model: ModelName,
    readonly thought: boolean,
  ) {
    super("LF1433", `${model} gave an empty answer${thought ? " after thinking" : ""}.`, {
      fix: "if it happens often, raise inference.numPredict or set inference.think to false.",
    });
  }
}

/** LF1440: the gateway refused this worker. */
export class GatewayRefused extends FleetError {
  constructor(
    readonly url: string,
    readonly status: number,
    readonly body: string,
  ) {
    super("LF1440", `The gateway ${url} refused this worker (${status}${body === "" ? "" : `: ${body}`}).`, {
      fix:
        status === 403
          ? "register the worker; a gateway answers nobody else."
          : "check endpoints.gateway of the network; the login is tried again by itself.",
    });
  }
}

/** LF1441: the gateway could not be reached, or failed. */
export class GatewayUnavailable extends FleetError {
  constructor(
    readonly url: string,
    cause: unknown,
  ) {
    super("LF1441", `The gateway ${url} could not be asked.`, {
      fix: "check that it answers from the worker's host; it is tried again by itself.",
      cause,
    });
  }
}

/** A session key that was not wrapped for this worker's encryption key. */
export class WrongKey extends Error {}
