// What users of npm `@ai-sdk/replicate` do. Its base URL includes /v1.

import { createReplicate } from "@ai-sdk/replicate";
import { experimental_generateVideo as generateVideo, generateImage } from "ai";

import { FILE, TEXT, UNREACHABLE, tell, thrown } from "./steps.mjs";

const FAULTS = ["unsent-1", "unanswered-1", "status429-1", "status503-1"];

function provider(place, { base = `${place.url}/v1`, key = place.key } = {}) {
  return createReplicate({ apiToken: key, baseURL: base });
}

const same = (place, { uint8Array }) => place.data.equals(Buffer.from(uint8Array));

// What *call* meets, with the server's own words.
async function refusal(call) {
  const { statusCode, message } = await thrown(call);
  return { status: statusCode, detail: message };
}

async function picture(place) {
  const model = provider(place).image(FILE);
  const { image } = await generateImage({ model, prompt: { text: "as it is", images: [place.data] } });
  return { same: same(place, image), type: image.mediaType };
}

async function by_version(place) {
  const answer = await fetch(`${place.url}/v1/models/${FILE}`, {
    headers: { Authorization: `Bearer ${place.key}` },
  });
  const { latest_version: version } = await answer.json();
  const { image } = await generateImage({
    model: provider(place).image(`${FILE}:${version.id}`),
    prompt: "as it is",
    providerOptions: { replicate: { image: place.dataUrl, maxWaitTimeInSeconds: 2.5 } },
  });
  return { same: same(place, image) };
}

// The wait ends first, so that the client polls.
async function polling(place) {
  const { image } = await generateImage({
    model: provider(place).image(FILE),
    prompt: "as it is",
    providerOptions: {
      replicate: { image: place.dataUrl, ms: 1200, maxWaitTimeInSeconds: 1, pollIntervalMillis: 50 },
    },
  });
  return { same: same(place, image) };
}

// A video is awaited by polling; any file will do for one.
async function video(place) {
  const urls = [];
  await generateVideo({
    model: provider(place).video(FILE),
    prompt: "as it is",
    providerOptions: { replicate: { image: place.dataUrl, pollIntervalMs: 50 } },
    poll: { intervalMs: 50 },
    download: async ({ url }) => {
      urls.push(url);
      return { data: new Uint8Array(place.data), mediaType: "video/mp4" };
    },
  });
  const got = Buffer.from(await (await fetch(urls[0])).arrayBuffer());
  return { same: place.data.equals(got) };
}

// The same, awaited by a webhook.
async function video_with_webhook(place) {
  const url = `${place.receiver}/ai-sdk`;
  let bodies;
  const received = async () => {
    bodies = (await (await fetch(url)).json()).map((one) => one.body);
    return { headers: {}, body: bodies.at(-1) };
  };
  await generateVideo({
    model: provider(place).video(FILE),
    prompt: "as it is",
    providerOptions: { replicate: { image: place.dataUrl } },
    webhook: async () => ({ url, received: received() }),
    download: async () => ({ data: new Uint8Array(place.data), mediaType: "video/mp4" }),
  });
  return { bodies };
}

async function refusals(place) {
  const prompt = "as it is";
  const generate = (model, image, options) =>
    generateImage({
      model: provider(place, options).image(model),
      prompt,
      providerOptions: { replicate: { image } },
    });
  return {
    "unknown model": await refusal(() => generate("nobody/nothing", place.dataUrl)),
    "missing input": await refusal(() => generate(FILE)),
    "unknown key": await refusal(() => generate(FILE, place.dataUrl, { key: "somebody-elses-key" })),
    "failed": await refusal(() => generate(FILE, UNREACHABLE)),
  };
}

// A create is repeated twice, after two seconds.
async function retries(place) {
  const once = async (fault) => {
    const base = `${place.proxy}/${fault}/v1`;
    const { image } = await generateImage({
      model: provider(place, { base }).image(FILE),
      prompt: `ai-sdk ${fault}`,
      providerOptions: { replicate: { image: place.dataUrl } },
    });
    return [fault, same(place, image)];
  };
  return { creates: Object.fromEntries(await Promise.all(FAULTS.map(once))) };
}

await tell(picture, by_version, polling, video, video_with_webhook, refusals, retries);
