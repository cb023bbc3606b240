import { spawn } from "node:child_process";
import { Agent } from "node:http";
import { Duplex } from "node:stream";

/** Reaches an engine as the `docker` program does: by the user's own `ssh`, which runs `docker system dial-stdio` there. One `ssh` a request. */
export class SshStreams extends Agent {
  constructor(private readonly address: string) {
    super({ keepAlive: false });
  }

  override createConnection(): Duplex {
    const { username, hostname, port } = new URL(this.address);
    const login = [...(username === "" ? [] : ["-l", username]), ...(port === "" ? [] : ["-p", port])];
    const ssh = spawn("ssh", [...login, "--", hostname, "docker", "system", "dial-stdio"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const stream = Duplex.from({ readable: ssh.stdout, writable: ssh.stdin });
    ssh.once("error", (error) => stream.destroy(error));
    stream.once("close", () => ssh.kill());
    return stream;
  }
}
