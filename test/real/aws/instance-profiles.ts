import { refusalTo, type Handler } from "./call.js";

/** A role that is not in an instance profile is taken out of it: moto fails at that, AWS says that there is none, as a provider whose former run was killed amid it must hear. */
export const answerInstanceProfiles: Handler = async (call, onward) => {
  if (call.action !== "RemoveRoleFromInstanceProfile") return undefined;
  const answer = await onward();
  if (answer.status !== 500) return answer;
  return { ...refusalTo(call, "NoSuchEntity", "The role is not in the instance profile."), status: 404 };
};
