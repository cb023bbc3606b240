import { FleetError } from "../../schema/errors.js";

/** LF1301: there is no Ollama where it was said to be. */
export class OllamaMissing extends FleetError {
  constructor(path: string, cause: unknown) {
    super("LF1301", `There is no Ollama at ${path} on this host.`, {
      fix: "install it (https://ollama.com/download) or correct its path.",
      cause,
    });
  }
}
/** LF1302: Ollama is too old. */
export class OllamaTooOld extends FleetError {
  constructor(path: string, version: string, minimum: string) {
    super("LF1302", `Ollama at ${path} is version ${version}, but ${minimum} or newer is needed.`, {
      fix: "install a newer one (https://ollama.com/download).",
    });
  }
}
/** LF1303: somebody else listens where our Ollama is to answer. */
export class OllamaPortTaken extends FleetError {
  constructor(port: number) {
    super("LF1303", `Port ${port} on 127.0.0.1 is taken by another program on this host.`, {
      fix: "set ollamaPort to a free port.",
    });
  }
}
/** LF1307: Ollama was started and does not answer. */
export class OllamaSilent extends FleetError {
  /** @param how what its service says of it */
  constructor(
    url: string,
    readonly log: string,
    how: string,
  ) {
    super("LF1307", `Ollama was started but does not answer at ${url}: ${how}.`, {
      fix: `tail ${log}; mend what it says, then run the same command again.`,
    });
  }
}

/** LF1356: an Ollama that was to take over did not answer; the one before runs again, and what serves goes on serving. */
export class FormerOllamaBack extends FleetError {
  constructor(silent: OllamaSilent) {
    super("LF1356", `${silent.summary} The Ollama before it runs again.`, {
      fix: `tail ${silent.log}; mend what it says or choose another ollama, then run the same command again.`,
      cause: silent,
    });
  }
}
