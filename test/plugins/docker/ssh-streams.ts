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
    // By hand: joined by `Duplex.from`, an engine that has answered and left breaks the reading of its answer off, as its input is closed before that was ended.
    const stream = new Duplex({
      read: () => void ssh.stdout.resume(),
      write: (part, encoding, done) => void ssh.stdin.write(part, encoding, () => done()),
      final: (done) => void ssh.stdin.end(() => done()),
      destroy: (error, done) => {
        ssh.kill();
        done(error);
      },
    });
    ssh.stdout.on("data", (part) => {
      if (!stream.push(part)) ssh.stdout.pause();
    });
    ssh.stdout.once("end", () => stream.push(null));
    ssh.stdin.on("error", () => undefined); // whether there is an answer is what counts
    ssh.once("error", (error) => stream.destroy(error));
    return stream;
  }
}
