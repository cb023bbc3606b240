import { describeError, FleetError } from "../schema/errors.js";

/** LF1020: geth did not come up. Carries the end of its log. */
export class GethDidNotStart extends FleetError {
  constructor(why: string, log: { file: string; tail: string }, cause?: unknown) {
    super("LF1020", `The rehearsal chain's geth did not start: ${why}.\n${log.tail.trim() || "(its log is empty)"}\n`, {
      fix: `read ${log.file}; a folder from another version has to be removed`,
      cause,
    });
  }
}

/** LF1021: a port of the rehearsal network is taken. Its ports stay the same for as long as its folder, since workers know them. */
export class PortTaken extends FleetError {
  constructor(port: number, part: string, cause?: unknown) {
    super(
      "LF1021",
      `Port ${port} on 127.0.0.1, which the rehearsal network's ${part} needs, is taken by another program.`,
      {
        fix: `stop that program (\`ss -ltnp 'sport = :${port}'\` names it), or start a rehearsal network in another folder`,
        cause,
      },
    );
  }
}

/** LF1022: another process runs the rehearsal network of this folder. */
export class DevnetRunning extends FleetError {
  constructor(readonly folder: string) {
    super("LF1022", `A rehearsal network is already running in ${folder}.`, {
      fix: `use it, or stop it with \`npm run devnet -- down --dir ${folder}\``,
    });
  }
}

/** LF1029: something was asked of a rehearsal network that does not run. */
export class DevnetNotRunning extends FleetError {
  constructor(folder: string) {
    super("LF1029", `No rehearsal network is running in ${folder}.`, {
      fix: `npm run devnet -- up --detach --dir ${folder}`,
    });
  }
}

/** LF1023: geth refused a step of consensus: the driver and the chain disagree, which is a bug or a damaged folder. */
export class ConsensusRefused extends FleetError {
  constructor(step: string, answer: unknown) {
    super("LF1023", `The rehearsal chain's geth refused ${step}: ${JSON.stringify(answer)}.`, {
      fix: "start a rehearsal network in a new folder",
    });
  }
}

/** LF1024: no geth was named. */
export class GethMissing extends FleetError {
  constructor() {
    super("LF1024", "No geth was named to run the rehearsal chain on.", {
      fix: "pass --geth PATH or set LIGHTCHAIN_GETH (`npm run devnet` does it by itself)",
    });
  }
}

/** LF1025: a rehearsal network that should run in the background did not get ready. */
export class DevnetDidNotStart extends FleetError {
  constructor(folder: string, log: { file: string; tail: string }) {
    super("LF1025", `The rehearsal network in ${folder} did not start.\n${log.tail.trim()}\n`, {
      fix: `read ${log.file}, then run \`up\` without --detach`,
    });
  }
}

/** LF1026: a rehearsal network was told to stop and did not. */
export class DevnetDidNotStop extends FleetError {
  constructor(folder: string, pid: number) {
    super("LF1026", `The rehearsal network in ${folder} (process ${pid}) did not stop.`, { fix: `kill -9 ${pid}` });
  }
}

/** LF1027: a transaction that sets up the contracts failed. */
export class SetUpFailed extends FleetError {
  constructor(what: string, cause?: unknown) {
    super("LF1027", `Setting up the rehearsal network's contracts failed: ${what}.`, {
      fix: "start a rehearsal network in a new folder",
      cause,
    });
  }
}

/** LF1039: the folder's chain was made with other rules than are asked for now. A chain keeps its rules. */
export class OtherForks extends FleetError {
  constructor(folder: string, kept: number | null, asked: number | null) {
    super("LF1039", `The rehearsal chain in ${folder} ${rules(kept)}, and one that ${rules(asked)} is asked for.`, {
      fix: "leave --fork and --osaka-after out to go on with it, or name another folder with --dir",
    });
  }
}

const rules = (osakaAfter: number | null): string => {
  if (osakaAfter === null) return "follows Prague's rules";
  return osakaAfter === 0 ? "follows Osaka's rules" : `follows Osaka's rules after ${osakaAfter} s`;
};

/** LF1045: a reorganisation was asked for that would undo a final block. */
export class ReorganisationTooDeep extends FleetError {
  constructor(
    readonly depth: number,
    /** How many blocks are not final. */
    readonly possible: number,
  ) {
    super("LF1045", `The last ${depth} block(s) cannot be replaced: only the last ${possible} are not final.`, {
      fix: `ask for a depth of 1 to ${possible}, or start the network with a greater finality depth`,
    });
  }
}

/** LF1046: a change that the contracts' owner wanted to make was refused or reverted. */
export class OwnerCallFailed extends FleetError {
  constructor(what: string, cause: unknown) {
    const words = describeError(cause).split("\n")[0] ?? "";
    super("LF1046", `The owner of the rehearsal network's contracts could not ${what}: ${words}.`, {
      fix: "check the arguments against the bounds in devnet/contracts/src",
      cause,
    });
  }
}

/** LF1050: a network's folder was made for the other mode. */
export class OtherMode extends FleetError {
  constructor(dir: string, kept: string, wanted: string) {
    super("LF1050", `The rehearsal network in ${dir} was first started in ${kept} mode, not in ${wanted} mode.`, {
      fix: `leave --mode ${wanted} out, or give another --dir; a folder keeps its mode.`,
    });
  }
}
