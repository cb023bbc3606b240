import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { connect, type AddressInfo } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import type { DockerEngine } from "../../../components/host/docker/engine.js";
import { freePort } from "../../../system/net.js";
import { runProcess, stopProcess } from "../../../system/process.js";
import { until } from "../host/world.js";
import { dockerAddress } from "../machines/docker-engine.js";
import { makeRelay } from "../relay.js";

const engineSocket = (): string => dockerAddress().slice("unix://".length);

async function must(file: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await runProcess(file, args, { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } });
  if (code !== 0) throw new Error(`${file} ${args.join(" ")}: ${stderr}`);
}

/** The machine's engine over TLS, which asks its clients for a certificate. */
export interface TlsEngine {
  readonly engine: DockerEngine;
  /** The same address, with certificates of somebody else's authority. */
  readonly distrusted: DockerEngine;
  /** The same, with a certificate that the engine does not know. */
  readonly stranger: DockerEngine;
  close(): void;
}

/** What dockerd does with `--tlsverify`, in front of its socket. */
export async function openTlsEngine(folder: string): Promise<TlsEngine> {
  for (const authority of ["ours", "another"]) await makeAuthority(join(folder, authority));
  const ours = (name: string): Buffer => readFileSync(join(folder, "ours", name));
  const relay = makeRelay();
  const server = createServer(
    {
      ...{ ca: ours("ca.pem"), cert: ours("server.pem"), key: ours("server-key.pem") },
      ...{ requestCert: true, rejectUnauthorized: true, allowHalfOpen: true },
    },
    (from) => relay.carry(from, { path: engineSocket(), allowHalfOpen: true }),
  );
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const tcp = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  await must("cp", "-r", join(folder, "another"), join(folder, "stranger"));
  await must("cp", join(folder, "ours", "ca.pem"), join(folder, "stranger", "ca.pem"));
  return {
    engine: { tcp, certFolder: join(folder, "ours") },
    distrusted: { tcp, certFolder: join(folder, "another") },
    stranger: { tcp, certFolder: join(folder, "stranger") },
    close: () => {
      server.close();
      relay.close();
    },
  };
}

/** An authority, a server's certificate for 127.0.0.1 and a client's. */
async function makeAuthority(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const at = (name: string): string => join(folder, name);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await must(
    "openssl",
    "req",
    "-x509",
    ...key,
    "-subj",
    "/CN=test",
    "-days",
    "2",
    "-keyout",
    at("ca-key.pem"),
    "-out",
    at("ca.pem"),
  );
  await writeFile(at("extensions"), "subjectAltName=IP:127.0.0.1\n");
  for (const [name, prefix] of [
    ["server", "server"],
    ["client", ""],
  ] as const) {
    const [cert, secret, request] = [
      at(prefix === "" ? "cert.pem" : "server.pem"),
      at(prefix === "" ? "key.pem" : "server-key.pem"),
      at(`${name}.csr`),
    ];
    await must("openssl", "req", ...key, "-subj", `/CN=${name}`, "-keyout", secret, "-out", request);
    const by = ["-CA", at("ca.pem"), "-CAkey", at("ca-key.pem"), "-CAcreateserial", "-extfile", at("extensions")];
    await must("openssl", "x509", "-req", "-in", request, ...by, "-days", "2", "-out", cert);
  }
}

/** The machine's engine over SSH. */
export interface SshEngine {
  readonly engine: DockerEngine;
  /** A folder whose `ssh` is the real one, with settings of the test's own: nobody's `~/.ssh` is touched. */
  readonly programs: string;
  /** What the client knows of the server's key from now on: it, another one, or nothing. */
  knows(what: "it" | "another" | "nothing"): Promise<void>;
  close(): Promise<void>;
}

/** A real sshd on loopback. */
export async function openSshEngine(folder: string): Promise<SshEngine> {
  await mkdir(folder, { recursive: true });
  const at = (name: string): string => join(folder, name);
  for (const name of ["host", "other-host", "user"])
    await must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", at(name));
  const port = await freePort();
  await writeFile(
    at("sshd_config"),
    [
      ...[`Port ${port}`, "ListenAddress 127.0.0.1", `HostKey ${at("host")}`, `AuthorizedKeysFile ${at("user.pub")}`],
      ...[
        "StrictModes no",
        "UsePAM no",
        "PermitRootLogin yes",
        "PidFile none",
        `SetEnv PATH=/usr/local/bin:/usr/bin:/bin DOCKER_HOST=${dockerAddress()}`,
      ],
      "",
    ].join("\n"),
  );
  await mkdir("/run/sshd", { recursive: true }); // what sshd drops its rights in
  const server = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", at("sshd_config")], { stdio: "ignore" });
  await until(
    () =>
      new Promise((resolve) => {
        const socket = connect(port, "127.0.0.1", () => resolve(true));
        socket.on("error", () => resolve(false)).on("connect", () => socket.destroy());
      }),
    "sshd",
  );
  await writeFile(
    at("ssh_config"),
    `IdentityFile ${at("user")}\nIdentitiesOnly yes\nUserKnownHostsFile ${at("known_hosts")}\nGlobalKnownHostsFile /dev/null\n`,
  );
  await mkdir(at("bin"));
  await writeFile(at("bin/ssh"), `#!/bin/sh\nexec /usr/bin/ssh -F ${at("ssh_config")} "$@"\n`);
  await chmod(at("bin/ssh"), 0o755);
  return {
    engine: { ssh: `ssh://${userInfo().username}@127.0.0.1:${port}` },
    programs: at("bin"),
    knows: async (what) => {
      const file = { it: "host.pub", another: "other-host.pub", nothing: undefined }[what];
      const [type = "", key = ""] = file === undefined ? [] : readFileSync(at(file), "utf8").split(" ");
      await writeFile(at("known_hosts"), file === undefined ? "" : `[127.0.0.1]:${port} ${type} ${key}\n`);
    },
    close: () => stopProcess(server),
  };
}
