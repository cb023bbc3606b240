import { GatewayRefused, GatewayUnavailable } from "../errors.js";

/** Longest wait for an answer of the gateway, in ms (the reference worker's HTTP timeout). */
export const gatewayTimeoutMs = 90_000;

/** One request to the gateway. */
export interface GatewayRequest {
  readonly method: "GET" | "POST";
  readonly path: `/api/${string}`;
  readonly body?: string;
  readonly token?: string;
  /** Statuses that mean success; anything else is an error. */
  readonly accept: readonly number[];
}

/**
 * Sends one request and reads the whole answer as text.
 * @throws GatewayRefused on a 4xx but 429 · GatewayUnavailable when it could not be reached, or on any other unexpected status
 */
export async function askGateway(url: string, request: GatewayRequest): Promise<string> {
  return (await askWithDate(url, request)).text;
}

/** The same, with the gateway's own time of the answer (Unix ms; `null` when it does not say). */
export async function askWithDate(
  url: string,
  request: GatewayRequest,
): Promise<{ readonly text: string; readonly dateMs: number | null }> {
  const { status, text, dateMs } = await exchange(url, request);
  if (request.accept.includes(status)) return { text, dateMs };
  if (status >= 400 && status < 500 && status !== 429) throw new GatewayRefused(url, status, excerpt(text));
  throw new GatewayUnavailable(url, new Error(`status ${status}: ${excerpt(text)}`));
}

async function exchange(
  url: string,
  request: GatewayRequest,
): Promise<{ status: number; text: string; dateMs: number | null }> {
  const { method, path, body, token } = request;
  try {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(method === "POST" && { "content-type": "application/json" }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(body !== undefined && { body }),
      redirect: "error",
      signal: AbortSignal.timeout(gatewayTimeoutMs),
    });
    const dateMs = Date.parse(response.headers.get("date") ?? "");
    return { status: response.status, text: await response.text(), dateMs: Number.isNaN(dateMs) ? null : dateMs };
  } catch (error) {
    throw new GatewayUnavailable(url, error);
  }
}

const excerpt = (text: string): string => text.trim().slice(0, 200);
