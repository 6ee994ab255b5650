// What users of npm `openai` do with pictures. Its base URL includes /v1.

import OpenAI, { toFile } from "openai";

import { FILE, UNREACHABLE, tell, thrown } from "./steps.mjs";

const FAULTS = ["unsent-2", "unanswered-2", "unread-2", "status429-2", "status503-2"];
const TWO_PICTURES = "flux-kontext-apps/multi-image-kontext-pro";

function client(place, { base = `${place.url}/v1`, key = place.key } = {}) {
  return new OpenAI({ apiKey: key, baseURL: base });
}

const decoded = ({ b64_json: text }) => Buffer.from(text, "base64");
const upload = (place, name) => toFile(place.data, name, { type: "image/png" });

// The error that *call* meets, in OpenAI's form.
async function refusal(call) {
  const { status, error } = await thrown(call);
  return { status, ...error };
}

// Unknown fields pass into the model's input.
async function generate(place) {
  const answer = await client(place).images.generate({
    model: FILE,
    prompt: "as it is",
    image: place.dataUrl,
  });
  const picture = Buffer.from(await (await fetch(answer.data[0].url)).arrayBuffer());
  return { same: place.data.equals(picture), created: answer.created > 0 };
}

async function generate_inline(place) {
  const answer = await client(place).images.generate({
    model: FILE,
    prompt: "as it is",
    n: 1,
    size: "1024x1024",
    response_format: "b64_json",
    image: place.dataUrl,
  });
  return { same: place.data.equals(decoded(answer.data[0])) };
}

async function edit(place) {
  const answer = await client(place).images.edit({
    model: FILE,
    image: await upload(place, "picture.png"),
    prompt: "as it is",
    response_format: "b64_json",
  });
  return { same: place.data.equals(decoded(answer.data[0])) };
}

// Pictures fill the schema's in order; this model needs both.
async function edit_two(place) {
  const answer = await client(place).images.edit({
    model: TWO_PICTURES,
    image: [await upload(place, "first.png"), await upload(place, "second.png")],
    prompt: "both",
    response_format: "b64_json",
  });
  return { pictures: answer.data.map((one) => decoded(one).subarray(0, 4).toString("hex")) };
}

async function refusals(place) {
  const generate = (model, image, options) =>
    client(place, options).images.generate({ model, prompt: "as it is", image });
  return {
    "unknown model": await refusal(() => generate("nobody/nothing", place.dataUrl)),
    "missing input": await refusal(() => generate(FILE)),
    "unknown key": await refusal(() => generate(FILE, place.dataUrl, { key: "somebody-elses-key" })),
    "failed": await refusal(() => generate(FILE, UNREACHABLE)),
    "streaming": await refusal(() =>
      client(place).images.generate({
        model: FILE,
        prompt: "as it is",
        stream: true,
        image: place.dataUrl,
      }),
    ),
  };
}

// A create is repeated up to twice, whatever became of it.
async function retries(place) {
  const once = async (fault) => {
    const answer = await client(place, { base: `${place.proxy}/${fault}/v1` }).images.generate({
      model: FILE,
      prompt: `openai-js ${fault}`,
      response_format: "b64_json",
      image: place.dataUrl,
    });
    return [fault, place.data.equals(decoded(answer.data[0]))];
  };
  return { creates: Object.fromEntries(await Promise.all(FAULTS.map(once))) };
}

await tell(generate, generate_inline, edit, edit_two, refusals, retries);
