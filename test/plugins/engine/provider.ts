import { randomBytes } from "node:crypto";
import {
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerUnaryCall,
} from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb.js";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb.js";
import { ResourceProviderService, type IResourceProviderServer } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import {
  CheckFailure,
  CheckResponse,
  ConfigureResponse,
  CreateResponse,
  DiffResponse,
  ErrorResourceInitFailed,
  GetSchemaResponse,
  InvokeResponse,
  PropertyDiff,
  ProviderHandshakeResponse,
  ReadResponse,
  UpdateResponse,
  type CheckRequest,
  type ConfigureRequest,
  type CreateRequest,
  type DeleteRequest,
  type DiffRequest,
  type ReadRequest,
  type UpdateRequest,
} from "@pulumi/pulumi/proto/provider_pb.js";
import { Status } from "@pulumi/pulumi/proto/status_pb.js";
import { Any } from "google-protobuf/google/protobuf/any_pb.js";
import { Empty } from "google-protobuf/google/protobuf/empty_pb.js";
import { difference } from "./difference.js";
import { PartlyMade, type ResourceType, type Work } from "./resource-type.js";
import { whatIsWrong } from "./shape.js";
import {
  fromStruct,
  holdsSecret,
  notYet,
  reveal,
  revealed,
  same,
  secret,
  toStruct,
  type Properties,
} from "./values.js";

/** A stand-in for a provider plugin that the engine starts. */
export interface Plugin {
  readonly name: string;
  /** The SDK's version, which is what the engine asks for. */
  readonly version: string;
  readonly types: Readonly<Record<string, ResourceType>>;
  /** Takes the provider's own settings. Default: it has none. */
  configure?(settings: Properties): void;
}

const largestMessageBytes = 400 * 1024 * 1024;

/**
 * Serves the engine that started this process until it is gone. Nothing but the port may be written to stdout, ever.
 * @param engineAddress where the engine listens for what is to be shown
 */
export function servePlugin(plugin: Plugin, engineAddress: string): void {
  const stop = new AbortController();
  const engine = new EngineClient(engineAddress, credentials.createInsecure());
  const say = (urn: string, severity: LogSeverity, ephemeral: boolean, text: string): void =>
    void engine.log(
      new LogRequest().setUrn(urn).setSeverity(severity).setEphemeral(ephemeral).setMessage(text),
      () => undefined, // an engine that is gone needs to see nothing
    );
  const workOn = (urn: string): Work => ({
    signal: stop.signal,
    status: (text) => say(urn, LogSeverity.INFO, true, text),
    warn: (text) => say(urn, LogSeverity.WARNING, false, text),
  });
  const typeOf = (urn: string): ResourceType => {
    const token = urn.split("::")[2]?.split("$").at(-1) ?? "";
    const type = plugin.types[token];
    if (type === undefined) throw new Error(`the stand-in for ${plugin.name} has no ${token}`);
    return type;
  };
  const methods: Partial<IResourceProviderServer> = {
    // Secrets arrive marked, here and in configure: a plugin that takes them in clear would also give what depends on them back in clear.
    handshake: answer(() => new ProviderHandshakeResponse().setAcceptSecrets(true)),
    getPluginInfo: answer(() => new PluginInfo().setVersion(plugin.version)),
    attach: answer(() => new Empty()),
    cancel: answer(() => {
      stop.abort(new Error("the engine cancelled"));
      return new Empty();
    }),
    getSchema: answer(() => {
      const { name, version } = plugin;
      return new GetSchemaResponse().setSchema(JSON.stringify({ name, version }));
    }),
    checkConfig: answer((request: CheckRequest) => new CheckResponse().setInputs(request.getNews())),
    diffConfig: answer(() => new DiffResponse().setChanges(DiffResponse.DiffChanges.DIFF_NONE)),
    configure: answer((request: ConfigureRequest) => {
      plugin.configure?.(revealed(fromStruct(request.getArgs())));
      return new ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true);
    }),
    invoke: answer(() => new InvokeResponse().setFailuresList([failure("", "no functions")])),
    check: answer((request: CheckRequest) => check(typeOf(request.getUrn()), request)),
    diff: answer((request: DiffRequest) => diff(typeOf(request.getUrn()), request)),
    create: answer((request: CreateRequest) => create(typeOf(request.getUrn()), request, workOn(request.getUrn()))),
    read: answer((request: ReadRequest) => read(typeOf(request.getUrn()), request)),
    update: answer((request: UpdateRequest) => update(typeOf(request.getUrn()), request, workOn(request.getUrn()))),
    delete: answer(async (request: DeleteRequest) => {
      const state = revealed(fromStruct(request.getProperties()));
      await typeOf(request.getUrn()).delete(state, workOn(request.getUrn()));
      return new Empty();
    }),
  };
  const server = new Server({ "grpc.max_receive_message_length": largestMessageBytes });
  server.addService(ResourceProviderService, methods as IResourceProviderServer);
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    leaveWithEngine();
    process.stdout.write(`${port}\n`);
  });
}

function check(type: ResourceType, request: CheckRequest): CheckResponse {
  const given = fromStruct(request.getNews());
  const failures = [...whatIsWrong(given, type.inputs), ...(type.check?.(revealed(given)) ?? [])];
  const named = {
    name: nameIn(request.getUrn()),
    seed: request.getRandomseed_asU8(),
    before: fromStruct(request.getOlds()),
  };
  const inputs = failures.length > 0 ? given : (type.withDefaults?.(given, named) ?? given);
  return new CheckResponse()
    .setInputs(toStruct(inputs))
    .setFailuresList(failures.map(({ property, reason }) => failure(property, reason)));
}

async function diff(type: ResourceType, request: DiffRequest): Promise<DiffResponse> {
  const before = revealed(fromStruct(request.getOldInputs()));
  const after = revealed(fromStruct(request.getNews()));
  const { changed, replaces, deleteBeforeReplace } = await difference(
    type,
    before,
    after,
    request.getIgnorechangesList(),
  );
  const { DIFF_NONE, DIFF_SOME } = DiffResponse.DiffChanges;
  const response = new DiffResponse()
    .setChanges(changed.length > 0 ? DIFF_SOME : DIFF_NONE)
    .setDiffsList([...changed])
    .setReplacesList([...replaces])
    .setDeletebeforereplace(deleteBeforeReplace)
    .setHasdetaileddiff(true);
  for (const name of changed) {
    const kind = kindOf(name in before, name in after, replaces.includes(name));
    response.getDetaileddiffMap().set(name, new PropertyDiff().setKind(kind).setInputdiff(true));
  }
  return response;
}

function kindOf(wasThere: boolean, isThere: boolean, replaces: boolean): PropertyDiff.Kind {
  const { ADD, ADD_REPLACE, DELETE, DELETE_REPLACE, UPDATE, UPDATE_REPLACE } = PropertyDiff.Kind;
  if (!wasThere) return replaces ? ADD_REPLACE : ADD;
  if (!isThere) return replaces ? DELETE_REPLACE : DELETE;
  return replaces ? UPDATE_REPLACE : UPDATE;
}

async function create(type: ResourceType, request: CreateRequest, work: Work): Promise<CreateResponse> {
  const inputs = fromStruct(request.getProperties());
  if (request.getPreview())
    return new CreateResponse().setProperties(toStruct(outputs(inputs, planned(type, inputs, undefined))));
  try {
    const computed = await type.create(revealed(inputs), work);
    // the real provider of commands: the resource's name and eight random digits
    const id =
      type.idOf?.({ ...revealed(inputs), ...computed }) ??
      `${nameIn(request.getUrn())}${randomBytes(4).toString("hex")}`;
    return new CreateResponse().setId(id).setProperties(toStruct(outputs(inputs, computed)));
  } catch (error) {
    if (!(error instanceof PartlyMade) || type.idOf === undefined) throw error;
    const id = type.idOf({ ...revealed(inputs), ...error.outputs });
    throw new InitFailed(id, inputs, outputs(inputs, error.outputs), error.message);
  }
}

async function update(type: ResourceType, request: UpdateRequest, work: Work): Promise<UpdateResponse> {
  const inputs = fromStruct(request.getNews());
  const before = fromStruct(request.getOlds());
  const computed = request.getPreview()
    ? planned(type, inputs, before)
    : await type.update(revealed(inputs), revealed(before), work);
  return new UpdateResponse().setProperties(toStruct(outputs(inputs, computed, holdsSecret(before))));
}

/** Of a type that cannot be looked at, what was made is what it was. What is gone has no id. */
async function read(type: ResourceType, request: ReadRequest): Promise<ReadResponse> {
  const state = fromStruct(request.getProperties());
  const now = type.read === undefined ? state : await type.read(request.getId(), revealed(state));
  if (now === undefined) return new ReadResponse();
  const inputs = fromStruct(request.getInputs());
  const seen = (type.seen ?? []).filter((name) => name in inputs && name in now);
  return new ReadResponse()
    .setId(request.getId())
    .setProperties(toStruct(markedLike(state, now)))
    .setInputs(
      toStruct({ ...inputs, ...markedLike(inputs, Object.fromEntries(seen.map((name) => [name, now[name]]))) }),
    );
}

/** What is found, as secret as what was there before. */
const markedLike = (before: Properties, now: Properties): Properties =>
  Object.fromEntries(
    Object.entries(now).map(([name, value]) => {
      if (same(reveal(before[name]), value)) return [name, before[name]];
      return [name, holdsSecret(before[name]) ? secret(value) : value];
    }),
  );

const planned = (type: ResourceType, inputs: Properties, before: Properties | undefined): Properties =>
  type.planned?.(inputs, before) ?? notYet(type.computed, inputs);

/** What the state holds: the inputs with their own marks, and the outputs, which depend on every input and are as secret as any of them. */
function outputs(inputs: Properties, computed: Properties, wasSecret = false): Properties {
  const isSecret = wasSecret || holdsSecret(inputs);
  const marked = Object.entries(computed).map(([name, value]) => [name, isSecret ? secret(value) : value] as const);
  return { ...inputs, ...Object.fromEntries(marked) };
}

const failure = (property: string, reason: string): CheckFailure =>
  new CheckFailure().setProperty(property).setReason(reason);

const nameIn = (urn: string): string => urn.split("::").at(-1) ?? "";

/** How the engine is told of something that is there although making it failed. */
class InitFailed extends Error {
  constructor(
    private readonly id: string,
    private readonly inputs: Properties,
    private readonly outputs: Properties,
    reason: string,
  ) {
    super(reason);
  }

  metadata(): Metadata {
    const detail = new ErrorResourceInitFailed()
      .setId(this.id)
      .setInputs(toStruct(this.inputs))
      .setProperties(toStruct(this.outputs))
      .setReasonsList([this.message]);
    const any = new Any();
    any.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
    const details = new Status().setCode(status.UNKNOWN).setMessage(this.message).setDetailsList([any]);
    const metadata = new Metadata();
    // where gRPC has what an error holds besides its text
    metadata.add("grpc-status-details-bin", Buffer.from(details.serializeBinary()));
    return metadata;
  }
}

function answer<Q, R>(reply: (request: Q) => R | Promise<R>) {
  return (call: ServerUnaryCall<Q, R>, done: sendUnaryData<R>): void => {
    Promise.resolve()
      .then(() => reply(call.request))
      .then(
        (response) => done(null, response),
        (error: unknown) => {
          const details = error instanceof Error ? error.message : String(error);
          const more = error instanceof InitFailed ? { metadata: error.metadata() } : {};
          done({ code: status.UNKNOWN, details, ...more });
        },
      );
  };
}

/** An engine that was killed asks for nothing any more, and its plugins would stay for ever. */
function leaveWithEngine(): void {
  const engine = process.ppid;
  setInterval(() => process.ppid !== engine && process.exit(0), 500).unref();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(0));
}
