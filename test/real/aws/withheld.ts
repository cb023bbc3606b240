import type { IncomingMessage } from "node:http";

/** Answers that are kept back: what was asked for is done, and whoever asked does not learn of it. */
export interface Withheld {
  /** Keeps back what is answered to these calls, from now on. */
  keep(actions: readonly string[]): void;
  /** What is kept back right now, by the calls' names. */
  kept(): readonly string[];
  /** Answers everything, and keeps back nothing more. */
  letGo(): void;
  /** Ends when this answer may be given. */
  mayAnswer(action: string | undefined): Promise<void>;
}

/** None yet. */
export function makeWithheld(): Withheld {
  let wanted: readonly string[] = [];
  let waiting: { readonly action: string; readonly go: () => void }[] = [];
  return {
    keep: (actions) => void (wanted = actions),
    kept: () => waiting.map(({ action }) => action),
    letGo: () => {
      wanted = [];
      for (const { go } of waiting) go();
      waiting = [];
    },
    mayAnswer: async (action) => {
      if (action === undefined || !wanted.includes(action)) return;
      await new Promise<void>((go) => void waiting.push({ action, go }));
    },
  };
}

/** What a request asks whose body is not read here: in its path by Smithy's protocols, and a bucket is made by its bare name. */
export function actionInPath({ method, url = "/", headers }: IncomingMessage): string | undefined {
  const [, operation] = /\/operation\/(\w+)$/.exec(url) ?? [];
  const isBucket = method === "PUT" && /^\/[^/?]+\/?$/.test(url) && /\/s3\/aws4/.test(headers.authorization ?? "");
  return operation ?? (isBucket ? "CreateBucket" : undefined);
}
