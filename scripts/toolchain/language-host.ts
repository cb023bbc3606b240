import { spawn, type ChildProcess } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from "@grpc/grpc-js";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb.js";
import {
  AboutResponse,
  GetProgramDependenciesResponse,
  GetRequiredPackagesResponse,
  GetRequiredPluginsResponse,
  LanguageHandshakeResponse,
  RunResponse,
  RuntimeOptionsResponse,
  type LanguageHandshakeRequest,
  type RunRequest,
} from "@pulumi/pulumi/proto/language_pb.js";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb.js";
import { Empty } from "google-protobuf/google/protobuf/empty_pb.js";

/**
 * A stand-in for `pulumi-language-nodejs` where the official one can't be had: the engine starts it, reads its port from stdout, and asks
 * it to run the program with Node. It names no packages as required, so providers are loaded when a resource of theirs is registered. Bundled into one file and
 * installed into the cache by `language-host-install.ts`; not imported by anything.
 */
const engineVersion = "3.255.0";
/** The program's own exit code for "the error has been shown already" (`@pulumi/pulumi/cmd/run`). */
const alreadyExplained = 32;
const largestMessageBytes = 400 * 1024 * 1024;

const programs = new Set<ChildProcess>();
let engineAddress = process.argv.slice(2).find((argument) => !argument.startsWith("-")) ?? "";

function answer<Q, R>(reply: (request: Q) => R) {
  return (call: ServerUnaryCall<Q, R>, done: sendUnaryData<R>): void => done(null, reply(call.request));
}

function run(call: ServerUnaryCall<RunRequest, RunResponse>, done: sendUnaryData<RunResponse>): void {
  const request = call.request;
  let command: { args: string[]; env: NodeJS.ProcessEnv };
  try {
    command = programCommand(request);
  } catch (error) {
    return done({ code: status.FAILED_PRECONDITION, message: error instanceof Error ? error.message : String(error) });
  }
  const program = spawn(process.execPath, command.args, {
    cwd: request.getPwd(),
    env: command.env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  programs.add(program);
  program.once("error", (error) => {
    programs.delete(program);
    done({ code: status.INTERNAL, message: error.message });
  });
  program.once("exit", (code, signal) => {
    programs.delete(program);
    const response = new RunResponse();
    if (code === alreadyExplained) response.setBail(true);
    else if (code !== 0) response.setError(`the program ended with ${signal ?? `exit code ${code}`}`);
    done(null, response);
  });
}

function programCommand(request: RunRequest): { args: string[]; env: NodeJS.ProcessEnv } {
  const info = request.getInfo();
  const folder = info?.getProgramDirectory() ?? request.getPwd();
  const entry = info?.getEntryPoint() ?? ".";
  const options = (info?.getOptions()?.toJavaScript() ?? {}) as { typescript?: boolean; nodeargs?: string };
  const runner = createRequire(join(folder, "program.js")).resolve("@pulumi/pulumi/cmd/run");
  const args = [
    ...(options.nodeargs?.split(/\s+/).filter((argument) => argument !== "") ?? []),
    runner,
    ...["--monitor", request.getMonitorAddress(), "--engine", engineAddress],
    ...["--project", request.getProject(), "--stack", request.getStack(), "--organization", request.getOrganization()],
    ...["--pwd", request.getPwd(), "--parallel", String(request.getParallel())],
    ...(request.getDryrun() ? ["--dry-run"] : []),
    ...(info ? ["--root-directory", info.getRootDirectory()] : []),
    entry === "." ? folder : join(folder, entry),
  ];
  const config = Object.fromEntries(request.getConfigMap().toArray());
  const env = {
    ...process.env,
    PULUMI_CONFIG: JSON.stringify(config),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
    // TypeScript programs are compiled on the fly unless Pulumi.yaml says otherwise; compiled ones must not pay for that
    ...(options.typescript === false || entry.endsWith(".js") || entry.endsWith(".cjs")
      ? {}
      : { PULUMI_NODEJS_TYPESCRIPT: "true" }),
  };
  return { args, env };
}

/** An engine that was killed asks for nothing any more: whoever it started must not stay behind. */
function leaveWithEngine(): void {
  const engine = process.ppid;
  setInterval(() => {
    if (process.ppid === engine) return;
    for (const program of programs) program.kill("SIGTERM");
    process.exit(0);
  }, 500).unref();
}

const server = new Server({ "grpc.max_receive_message_length": largestMessageBytes });
server.addService(LanguageRuntimeService, {
  handshake: answer((request: LanguageHandshakeRequest) => {
    engineAddress = request.getEngineAddress();
    return new LanguageHandshakeResponse();
  }),
  getRequiredPlugins: answer(() => new GetRequiredPluginsResponse()),
  getRequiredPackages: answer(() => new GetRequiredPackagesResponse()),
  getPluginInfo: answer(() => new PluginInfo().setVersion(engineVersion)),
  about: answer(() => new AboutResponse().setExecutable(process.execPath).setVersion(process.version)),
  runtimeOptionsPrompts: answer(() => new RuntimeOptionsResponse()),
  getProgramDependencies: answer(() => new GetProgramDependenciesResponse()),
  // the engine lets what is under way finish; a program that was stopped here would look like one that failed
  cancel: answer(() => new Empty()),
  run,
});
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  leaveWithEngine();
  process.stdout.write(`${port}\n`);
});
