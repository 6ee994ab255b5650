// How npm `replicate` is pointed at a server, and how it tells a refusal.

import Replicate from "replicate";

import { TEXT, thrown } from "./steps.mjs";

export const [OWNER, NAME] = TEXT.split("/");

export function client(place, { base = `${place.url}/v1`, key = place.key } = {}) {
  return new Replicate({ auth: key, baseUrl: base });
}

// The problem that *call* meets; its body is known by the message alone, and people search that.
export async function refusal(call) {
  const { message, response } = await thrown(call);
  const { title = null, detail } = JSON.parse(message.match(/\{.*\}/s)[0]);
  return { status: response.status, title, detail };
}

export async function latest(ours) {
  return (await ours.models.get(OWNER, NAME)).latest_version.id;
}

export async function list(ours, endpoint) {
  const found = [];
  for await (const page of ours.paginate(endpoint)) found.push(...page);
  return found;
}

export const id = ({ owner, name }) => `${owner}/${name}`;
