import { FleetError } from "../../schema/errors.js";

/** A request on the control socket that is not carried out. Nothing was changed. */
export class RequestRefused extends FleetError {}

/** LF1421: the line is no request of a version this sidecar knows. */
export const notARequest = (reason: string): RequestRefused =>
  new RequestRefused("LF1421", `The sidecar does not understand the request: ${reason}.`, {
    fix: "use the command line that came with the sidecar's bundle, or deploy the newer bundle with `pulumi up`.",
  });

/** LF1422: the request does not carry the token that this sidecar wrote at its start. */
export const wrongToken = (): RequestRefused =>
  new RequestRefused("LF1422", "The request does not carry this sidecar's token.", {
    fix: "run the command again: the token is renewed at each start of the sidecar.",
  });

/** LF1423: the generation has left, or is leaving, the network. */
export const generationLeft = (generation: number, left: number): RequestRefused =>
  new RequestRefused("LF1423", `Generation ${generation} cannot serve: generation ${left} has been told to leave.`, {
    fix: `set the worker's generation to ${left + 1} in the stack's config and run \`pulumi up\` to register again.`,
  });

/** LF1424: a model that this sidecar was not set up for. */
export const modelNotConfigured = (model: string): RequestRefused =>
  new RequestRefused("LF1424", `Model ${model} is not among the models this sidecar was set up for.`, {
    fix: "run `pulumi up`: the service's settings are updated before its registration.",
  });

/** LF1425: the process is on its way out. */
export const stopping = (): RequestRefused =>
  new RequestRefused("LF1425", "The sidecar is stopping.", { fix: "run the command again when it has started again." });

/** LF1426: a system limit on the length of socket paths. */
export const pathTooLong = (path: string, limit: number): RequestRefused =>
  new RequestRefused("LF1426", `The control socket's path is longer than the system's ${limit} bytes: ${path}.`, {
    fix: "give the host a shorter root folder.",
  });
