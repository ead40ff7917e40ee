// Asking something of the house, and understanding its refusal.

import { say, t } from "./words.js";

/** Sends a wish. Gives the answer; throws an Error whose text is for people. */
export async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body ? JSON.stringify(body) : undefined,
  }).catch(() => {
    throw new Error(t("asked.unreachable"));
  });
  if (response.status === 401) location.assign("login");
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw refusal(response, answer);
  return answer;
}

/** Why it was not done, for people. */
export const refusal = (response, { said, detail }) => new Error(say(said ?? detail ?? response.statusText));
