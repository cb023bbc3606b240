import type { SNS } from "@aws-sdk/client-sns";
import type { ObjectShape } from "../engine/shape.js";
import type { Properties } from "../engine/values.js";
import { awsType, named, sameJson } from "./aws-type.js";
import { snsIn } from "./clients.js";
import { doing, ifThere, isRefusal } from "./refusals.js";
import { listed, retagging, tagsIn, unlisted } from "./tags.js";
import { minutes, settled } from "./waiting.js";

const snsOf = ({ region }: Properties): Promise<SNS> => snsIn(String(region));

const none = "NotFoundException";

/** What AWS calls the attributes that are done. */
const topicAttributes = { displayName: "DisplayName", kmsMasterKeyId: "KmsMasterKeyId", policy: "Policy" };

/** `aws:sns/topic:Topic` (`sns/topic.go`). Its id is its ARN. */
export const topic = (inputs: ObjectShape) =>
  awsType(inputs, {
    done: ["name", "tags", ...Object.keys(topicAttributes)],
    computed: ["arn", "owner"],
    replaces: ["fifoTopic", "name", "namePrefix"],
    keptWhenLeftOut: ["policy"],
    seen: ["policy"],
    json: ["policy"],
    autoName: named,
    make: async (given) => {
      const Name = String(given["name"]);
      const asked = (await snsOf(given)).createTopic({ Name, Tags: listed(tagsIn(given)) });
      return (await doing(`creating SNS Topic (${Name})`, asked)).TopicArn ?? "";
    },
    finish: async (id, given) => setTopic(await snsOf(given), id, {}, given),
    look: async (id, given) => {
      const sns = await snsOf(given);
      const found = await doing(`reading SNS Topic (${id})`, ifThere(sns.getTopicAttributes({ TopicArn: id }), none));
      if (found === undefined) return undefined;
      const { Owner, Policy } = found.Attributes ?? {};
      const { Tags } = await sns.listTagsForResource({ ResourceArn: id });
      return { arn: id, owner: Owner, policy: sameJson(given["policy"], Policy), tags: unlisted(Tags) };
    },
    change: async (id, given, before) => {
      const sns = await snsOf(given);
      await setTopic(sns, id, before, given);
      const what = `updating tags for SNS Topic (${id})`;
      const { off, on } = retagging(tagsIn(before), tagsIn(given));
      if (off.length > 0) await doing(what, sns.untagResource({ ResourceArn: id, TagKeys: off }));
      if (on.length > 0) await doing(what, sns.tagResource({ ResourceArn: id, Tags: on }));
    },
    remove: async (id, state) => {
      const asked = (await snsOf(state)).deleteTopic({ TopicArn: id });
      await doing(`deleting SNS Topic (${id})`, ifThere(asked, none));
    },
  });

async function setTopic(sns: SNS, TopicArn: string, before: Properties, after: Properties): Promise<void> {
  for (const [name, AttributeName] of Object.entries(topicAttributes)) {
    const value = after[name];
    if (value === before[name] || (name === "policy" && value === undefined)) continue;
    const AttributeValue = typeof value === "string" ? value : "";
    const asked = sns.setTopicAttributes({ TopicArn, AttributeName, AttributeValue });
    await doing(`setting SNS Topic (${TopicArn}) attribute (${AttributeName})`, asked);
  }
}

/** `aws:sns/topicSubscription:TopicSubscription` (`sns/topic_subscription.go`). Nobody waits for a person who has to confirm. */
export const topicSubscription = (inputs: ObjectShape) =>
  awsType(inputs, {
    done: ["endpoint", "endpointAutoConfirms", "protocol", "rawMessageDelivery", "topic"],
    computed: ["arn", "confirmationWasAuthenticated", "ownerId", "pendingConfirmation"],
    replaces: ["endpoint", "protocol", "topic"],
    make: async (given) => {
      const asked = (await snsOf(given)).subscribe({
        TopicArn: String(given["topic"]),
        Protocol: String(given["protocol"]),
        Endpoint: String(given["endpoint"]),
        ReturnSubscriptionArn: true,
        ...(given["rawMessageDelivery"] === true ? { Attributes: { RawMessageDelivery: "true" } } : {}),
      });
      return (await doing("creating SNS Topic Subscription", asked)).SubscriptionArn ?? "";
    },
    finish: async (id, given, { signal }) => {
      const protocol = String(given["protocol"]);
      const isPersons = protocol.includes("email");
      if (isPersons || (protocol.includes("http") && given["endpointAutoConfirms"] !== true)) return;
      const sns = await snsOf(given);
      await settled({
        ...{ what: `SNS Topic Subscription (${id}) confirmation`, wanted: ["confirmed"], forMs: 2 * minutes, signal },
        look: async () => {
          const pending = (await subscriptionNamed(sns, id))?.["PendingConfirmation"];
          return { state: pending === "false" ? "confirmed" : "pending" };
        },
      });
    },
    look: async (id, given) => {
      const found = await subscriptionNamed(await snsOf(given), id);
      if (found === undefined) return undefined;
      return {
        ...{ arn: id, ownerId: found["Owner"], pendingConfirmation: found["PendingConfirmation"] === "true" },
        confirmationWasAuthenticated: found["ConfirmationWasAuthenticated"] === "true",
      };
    },
    change: async (id, given, before) => {
      if (given["rawMessageDelivery"] === before["rawMessageDelivery"]) return;
      const asked = (await snsOf(given)).setSubscriptionAttributes({
        ...{ SubscriptionArn: id, AttributeName: "RawMessageDelivery" },
        AttributeValue: String(given["rawMessageDelivery"] === true),
      });
      await doing(`setting SNS Topic Subscription (${id}) attribute (RawMessageDelivery)`, asked);
    },
    remove: async (id, state) => {
      try {
        const asked = (await snsOf(state)).unsubscribe({ SubscriptionArn: id });
        await doing(`deleting SNS Topic Subscription (${id})`, ifThere(asked, none));
      } catch (error) {
        // AWS forgets by itself what nobody confirmed
        if (!isRefusal(error, ["InvalidParameterException"]) || !error.message.includes("pending confirmation"))
          throw error;
      }
    },
  });

const subscriptionNamed = async (sns: SNS, SubscriptionArn: string) => {
  const asked = sns.getSubscriptionAttributes({ SubscriptionArn });
  return (await doing(`reading SNS Topic Subscription (${SubscriptionArn})`, ifThere(asked, none)))?.Attributes;
};
