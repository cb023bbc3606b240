import type * as SnsModule from "@aws-sdk/client-sns";
import { hasTag, isNamed, load, settings, stackTag, type KindOf } from "./kind.js";

/** Topics that nobody is subscribed to: AWS would delete one with all who are. */
export const topics: KindOf = ({ region, name, stack }) => {
  const sns = load("@aws-sdk/client-sns") as typeof SnsModule;
  const client = new sns.SNSClient(settings(region));
  const isFree = async (TopicArn: string): Promise<boolean> => {
    const { Subscriptions = [] } = await client.send(new sns.ListSubscriptionsByTopicCommand({ TopicArn }));
    return Subscriptions.length === 0;
  };
  return {
    client,
    action: "sns:ListTopics, sns:ListTagsForResource, sns:ListSubscriptionsByTopic and sns:DeleteTopic",
    found: async () => {
      const found: string[] = [];
      for await (const { Topics = [] } of sns.paginateListTopics({ client }, {}))
        for (const { TopicArn = "" } of Topics) {
          if (!isNamed(TopicArn.slice(TopicArn.lastIndexOf(":") + 1), [`${name}-alarms`])) continue;
          const { Tags = [] } = await client.send(new sns.ListTagsForResourceCommand({ ResourceArn: TopicArn }));
          if (hasTag(Tags, stackTag, stack) && (await isFree(TopicArn))) found.push(TopicArn);
        }
      return found;
    },
    remove: (TopicArn) => client.send(new sns.DeleteTopicCommand({ TopicArn })),
  };
};
