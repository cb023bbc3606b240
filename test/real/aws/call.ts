import type { IncomingMessage } from "node:http";

/** A call of an AWS API whose body says what is asked: EC2's way (a form) or Systems Manager's (JSON). */
export interface Call {
  readonly region: string;
  /** `ec2`, `ssm`, …, as it is signed for. */
  readonly service: string;
  readonly action: string;
  /** How it was asked, and so how it is answered. */
  readonly as: "form" | "json";
  /** What is asked, where it came as a form. */
  readonly form: URLSearchParams;
  /** What is asked, where it came as JSON. */
  readonly json: unknown;
  /** The same for each try of one call: an SDK repeats what a server failed at. */
  readonly invocation: string;
}

/** What is answered to a {@link Call}. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Asks the emulated AWS what was asked. @param form what it is asked instead */
export type Onward = (form?: URLSearchParams) => Promise<Answer>;

/** Answers a call, or leaves it to the next one. */
export type Handler = (call: Call, onward: Onward) => Promise<Answer | undefined>;

/** Whether a request's body must be read to know what it asks; anything else is passed on as it flows. */
export const saysWhatItAsks = ({ headers }: IncomingMessage): boolean =>
  /^application\/(x-www-form-urlencoded|x-amz-json)/.test(headers["content-type"] ?? "");

/** What a request asks. */
export function callOf({ headers }: IncomingMessage, body: string): Call {
  const [, region = "us-east-1", service = ""] =
    /Credential=[^/]+\/\d+\/([^/]+)\/([^/]+)\//.exec(headers.authorization ?? "") ?? [];
  const target = headers["x-amz-target"];
  const isForm = typeof target !== "string";
  const form = new URLSearchParams(isForm ? body : "");
  return {
    region,
    service,
    as: isForm ? "form" : "json",
    action: isForm ? (form.get("Action") ?? "") : target.slice(target.lastIndexOf(".") + 1),
    form,
    json: isForm ? {} : JSON.parse(body === "" ? "{}" : body),
    invocation: String(headers["amz-sdk-invocation-id"] ?? Math.random()),
  };
}

/** The values of a list in a form: `InstanceId.1`, `InstanceId.2`, … */
export const listOf = (form: URLSearchParams, name: string): string[] =>
  [...form].flatMap(([key, value]) => (new RegExp(`^${name}\\.\\d+$`).test(key) ? [value] : []));

/** The filters of a form, by name. */
export function filtersOf(form: URLSearchParams): Map<string, string[]> {
  const numbers = [...form.keys()].flatMap((key) => /^Filter\.(\d+)\.Name$/.exec(key)?.[1] ?? []);
  return new Map(numbers.map((at) => [form.get(`Filter.${at}.Name`) ?? "", listOf(form, `Filter\\.${at}\\.Value`)]));
}

/** A tree as EC2's XML has it: a list's members are items, what is undefined is left out. */
export type Xml = string | number | boolean | undefined | readonly Xml[] | { readonly [name: string]: Xml };

const escaped = (text: string): string => text.replace(/[&<>]/g, (one) => `&#${one.charCodeAt(0)};`);

/** {@link Xml} as text. */
export function xml(tree: Xml): string {
  if (tree === undefined) return "";
  if (typeof tree !== "object") return escaped(String(tree));
  if (isList(tree)) return tree.map((one) => `<item>${xml(one)}</item>`).join("");
  return Object.entries(tree)
    .map(([name, value]) => (value === undefined ? "" : `<${name}>${xml(value)}</${name}>`))
    .join("");
}
const isList = (tree: object): tree is readonly Xml[] => Array.isArray(tree);

/** EC2's answer to a call that went well. */
export const ec2Answer = ({ action }: Pick<Call, "action">, tree: Xml): Answer => ({
  status: 200,
  type: "text/xml;charset=UTF-8",
  body: `<?xml version="1.0" encoding="UTF-8"?><${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15"><requestId>of-the-tests</requestId>${xml(tree)}</${action}Response>`,
});

/** What EC2 refuses something by. @param status 500 and more where the fault is AWS's own, which SDKs try again */
export const ec2Refusal = (code: string, message: string, status: 400 | 500 | 503 = 400): Answer => ({
  status,
  type: "text/xml;charset=UTF-8",
  body: `<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error>${xml({ Code: code, Message: message })}</Error></Errors><RequestID>of-the-tests</RequestID></Response>`,
});

/** The answer of an API that speaks JSON. */
export const jsonAnswer = (body: unknown): Answer => ({
  status: 200,
  type: "application/x-amz-json-1.1",
  body: JSON.stringify(body),
});

/** What an API that speaks JSON refuses something by. */
export const jsonRefusal = (type: string, message = type): Answer => ({
  ...jsonAnswer({ __type: type, message }),
  status: 400,
});

/** What any API refuses a call by that its body tells: each protocol has an envelope of its own, and EC2 says with status 503 that it is asked too often. */
export function refusalTo({ as, service }: Pick<Call, "as" | "service">, code: string, message: string): Answer {
  if (as === "json") return jsonRefusal(code, message);
  if (service === "ec2") return ec2Refusal(code, message, /Throttl|RequestLimit/.test(code) ? 503 : 400);
  const body = `<ErrorResponse><Error>${xml({ Code: code, Message: message })}</Error><RequestId>of-the-tests</RequestId></ErrorResponse>`;
  return { status: 400, type: "text/xml", body };
}
