import { FleetError } from "../../schema/errors.js";

/** LF1601: the `pulumi` program cannot be run. */
export class NoEngine extends FleetError {
  constructor(why: string) {
    super("LF1601", `The pulumi program cannot be run: ${why}.`, {
      fix: "npm start once, which installs it, or put a Pulumi CLI on the PATH.",
    });
  }
}

/** LF1602: another run works on the stack. */
export class StackInUse extends FleetError {
  constructor(stack: string, who: string) {
    super("LF1602", `Another run works on stack ${stack}: ${who}.`, {
      fix: "let it end, and run this command again.",
    });
  }
}

/** LF1603: the stack is locked from another machine, which cannot be looked at from here. */
export class LockedElsewhere extends FleetError {
  constructor(stack: string, who: string) {
    super("LF1603", `Stack ${stack} is locked by ${who}, and whether that run still lives cannot be seen from here.`, {
      fix: `if you know that it is dead: pulumi cancel --yes --stack ${stack}, and then this command again.`,
    });
  }
}

/** LF1604: a destroy would never delete what an interrupted run had begun to create. */
export class CreatesPending extends FleetError {
  constructor(stack: string, names: readonly string[]) {
    super(
      "LF1604",
      `An interrupted run had begun to create ${names.join(", ")} in stack ${stack}; a destroy now would forget them.`,
      { fix: "npx fleet repair, and then npx fleet destroy." },
    );
  }
}

/** LF1605: nothing is changed without a word of the operator's. */
export class NotConfirmed extends FleetError {
  constructor(why: "declined" | "nobody to ask") {
    super("LF1605", why === "declined" ? "Nothing was changed." : "There is no terminal to ask for a confirmation.", {
      fix: "the same command with --yes, to go on without being asked.",
    });
  }
}

/** LF1606: the engine did not do what it was run for; what it said is above. */
export class EngineRefused extends FleetError {
  constructor(command: string, output: string) {
    const reason = /(LF1\d{3}: .*)/.exec(output)?.[1] ?? lastLine(output);
    super("LF1606", `pulumi ${command} failed${reason === "" ? "" : `: ${reason}`}`, {
      fix: "mend what is named above, and run this command again: it goes on where it stopped.",
    });
  }
}
const lastLine = (output: string): string => output.trim().split("\n").at(-1) ?? "";

/** LF1607: there is no stack to work on. */
export class NoStack extends FleetError {
  constructor(why: string) {
    super("LF1607", `There is no stack to work on: ${why}.`, {
      fix: "pulumi stack select <name>, or name it with --stack <name>.",
    });
  }
}

/** LF1608: the run was asked to stop, and has. */
export class StoppedAsAsked extends FleetError {
  constructor(command: string) {
    super("LF1608", `pulumi ${command} stopped as asked; what was in flight has ended and is known to the stack.`, {
      fix: "run this command again to go on.",
    });
  }
}

/** LF1609: the stack has no such worker, or none yet. */
export class NoSuchWorker extends FleetError {
  constructor(stack: string, name: string | undefined, there: readonly string[]) {
    super("LF1609", `Stack ${stack} has no worker${name === undefined ? "" : ` ${name}`} with a sidecar.`, {
      fix: there.length > 0 ? `name one that it has: --worker ${there.join(" or ")}.` : "pulumi up, which makes it.",
    });
  }
}

/** LF1610: the stack has several workers, and this is about one. */
export class WorkerNotNamed extends FleetError {
  constructor(stack: string, there: readonly string[]) {
    super("LF1610", `Stack ${stack} has the workers ${there.join(", ")}, and which is meant was not said.`, {
      fix: `the same command with --worker ${there[0] ?? "<name>"}.`,
    });
  }
}

/** LF1611: another version of this project wrote down where the worker's host is. */
export class HostNotReadable extends FleetError {
  constructor(worker: string) {
    super("LF1611", `What the stack's state says of the host of worker ${worker} is not of this version's kind.`, {
      fix: "run this command from the version that the last pulumi up was of, or pulumi up from this one.",
    });
  }
}
