import { FleetError } from "../../../schema/errors.js";
import type { SshServer } from "./reference.js";
import { fingerprint } from "./host-key.js";
import { HostNotReached } from "../unreached.js";

/** Which machine, for a person. */
export const nameOf = ({ user, address, port }: Pick<SshServer, "user" | "address" | "port">): string =>
  `${user}@${address}${port === 22 ? "" : `:${port}`}`;
const commandFor = ({ user, address, port }: Pick<SshServer, "user" | "address" | "port">): string =>
  `ssh ${port === 22 ? "" : `-p ${port} `}${user}@${address}`;

type Server = Pick<SshServer, "user" | "address" | "port">;

/** LF1530: a host does not answer by SSH: it is off, still booting, or the way to it is closed. What runs on it may run still. */
export class HostUnreachable extends HostNotReached {
  /** @param mayPass whether it may answer a little later, as a machine that boots */
  constructor(
    server: Server,
    why: string,
    cause?: unknown,
    readonly mayPass = false,
  ) {
    super("LF1530", `${nameOf(server)} does not answer by SSH: ${why}.`, {
      fix: `when this works: ${commandFor(server)} true; then run the same command again.`,
      cause,
    });
  }
}

/** LF1531: a host shows another key than the one it is held to: another machine answers there, or it was set up anew. Nothing was sent to it. */
export class HostKeyChanged extends HostNotReached {
  /** @param shown the key it showed; `null` when it has none of the pinned kind, or could not prove that it has it */
  constructor(server: SshServer, shown: Buffer | null) {
    const kind = server.hostKey.split(" ")[0] ?? "";
    const what = shown === null ? `does not prove a key of kind ${kind}` : `shows the key ${fingerprint(shown)}`;
    super(
      "LF1531",
      `${nameOf(server)} ${what}, but is held to ${fingerprint(server.hostKey)}. Nothing was sent to it.`,
      {
        fix: `find out why: somebody may stand in between. Only if you set that machine up anew yourself: set its hostKey to what \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\` confirms on it, then pulumi up (docs/hosts.md).`,
      },
    );
  }
}

/** LF1532: a host does not let us in. */
export class LoginRefused extends HostNotReached {
  constructor(server: Server, by: string, cause?: unknown) {
    super("LF1532", `${nameOf(server)} refused the login with ${by}.`, {
      fix: `put its public half into ~${server.user}/.ssh/authorized_keys there; when this works: ${commandFor(server)} true; run the same command again.`,
      cause,
    });
  }
}

/** LF1533: we may not become root on a host. */
export class SudoRefused extends HostNotReached {
  constructor(server: Server, why: string) {
    super("LF1533", `${nameOf(server)} may not use sudo: ${why}.`, {
      fix: `set sudo to "passwordless" or { passwordFile } as it is there, or log in as root with sudo "none"; then run the same command again.`,
    });
  }
}

/** LF1536: a file that holds a key or a password for the way to a host cannot be used. Next: chmod 600 it, correct its path, or use ssh-agent, as the line says. */
export class SecretFileUnusable extends FleetError {
  constructor(path: string, why: string, fix: string, cause?: unknown) {
    super("LF1536", `${path} ${why}.`, { fix, cause });
  }
}

/** LF1537: the connection to a host ended in the middle. What was begun there may go on. */
export class ConnectionLost extends HostNotReached {
  constructor(server: Server, cause?: unknown) {
    super("LF1537", `The connection to ${nameOf(server)} was lost before the answer came.`, {
      fix: "run the same command again: it goes on where it stopped.",
      cause,
    });
  }
}
