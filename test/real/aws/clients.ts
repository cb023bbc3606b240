import { EC2Client } from "@aws-sdk/client-ec2";
import { SchedulerClient } from "@aws-sdk/client-scheduler";

/** How the tests' own parts ask an AWS: with clients where they are dependencies, else by the calls themselves. */
export interface Clients {
  readonly endpoint: string;
  ec2(region: string): EC2Client;
  scheduler(region: string): SchedulerClient;
  /** A call of an API that is asked by forms. @returns the XML @throws Error with what was refused */
  form(service: string, region: string, version: string, params: Readonly<Record<string, string>>): Promise<string>;
  /** A call of an API that speaks JSON. @throws Error with what was refused */
  json(service: string, region: string, target: string, body: object): Promise<unknown>;
  close(): void;
}

const credentials = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "of-the-tests-alone" };

/** Clients of one endpoint, which know of no setting of this computer's. */
export function clientsOf(endpoint: string): Clients {
  const made = new Map<string, { destroy(): void }>();
  const one = <Client extends { destroy(): void }>(key: string, make: () => Client): Client => {
    const client = (made.get(key) as Client | undefined) ?? make();
    made.set(key, client);
    return client;
  };
  const post = async (
    service: string,
    region: string,
    type: string,
    body: string,
    target?: string,
  ): Promise<string> => {
    const response = await fetch(endpoint, {
      method: "POST",
      body,
      headers: {
        "content-type": type,
        authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/20260101/${region}/${service}/aws4_request, SignedHeaders=host, Signature=0`,
        ...(target === undefined ? {} : { "x-amz-target": target }),
      },
    });
    const answer = await response.text();
    if (!response.ok) throw new Error(`${service} in ${region} refuses ${target ?? body}: ${answer}`);
    return answer;
  };
  return {
    endpoint,
    ec2: (region) => one(`ec2 ${region}`, () => new EC2Client({ region, endpoint, credentials })),
    scheduler: (region) => one(`scheduler ${region}`, () => new SchedulerClient({ region, endpoint, credentials })),
    form: (service, region, version, params) =>
      post(
        service,
        region,
        "application/x-www-form-urlencoded",
        new URLSearchParams({ Version: version, ...params }).toString(),
      ),
    json: async (service, region, target, body) => {
      const answer = await post(service, region, "application/x-amz-json-1.1", JSON.stringify(body), target);
      return (answer === "" ? {} : JSON.parse(answer)) as unknown; // some have nothing to say
    },
    close: () => {
      for (const client of made.values()) client.destroy();
    },
  };
}

/** What an element's text is, everywhere in an answer that is XML. */
export const textsOf = (xml: string, element: string): string[] =>
  [...xml.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, "g"))].map(([, text = ""]) => text);
