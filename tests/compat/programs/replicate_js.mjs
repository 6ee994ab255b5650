// What users of npm `replicate` do. Its base URL includes /v1.

import { validateWebhook } from "replicate";

import { NAME, OWNER, client, id, latest, list, refusal } from "./replicate_js_client.mjs";
import {
  catalogue,
  deployment,
  models,
  own_model,
  training,
  untrainable,
} from "./replicate_js_models.mjs";
import { FILE, LONG_MS, PROMPT, TEXT, UNREACHABLE, bytes, tell, thrown } from "./steps.mjs";

const FAULTS = ["unsent-5", "unanswered-5", "status429-5"];
const REFUSED_ONCE = ["status429-2", "status503-2"];

// predictions

async function text(place) {
  const output = await client(place).run(TEXT, { input: { prompt: PROMPT } });
  return { output: output.join("") };
}

async function by_version(place) {
  const ours = client(place);
  const ref = `${TEXT}:${await latest(ours)}`;
  const output = await ours.run(ref, { input: { prompt: PROMPT } });
  return { output: output.join("") };
}

async function polling(place) {
  const wait = { mode: "poll", interval: 20 };
  const output = await client(place).run(TEXT, { input: { prompt: PROMPT }, wait });
  return { output: output.join("") };
}

async function data_url(place) {
  const output = await client(place).run(FILE, { input: { image: place.dataUrl } });
  return { wrapped: output.constructor.name, same: place.data.equals(await bytes(output)) };
}

async function uploaded_input(place) {
  const output = await client(place).run(FILE, { input: { image: place.data } });
  return { wrapped: output.constructor.name, same: place.data.equals(await bytes(output)) };
}

async function stream_text(place) {
  const events = [];
  for await (const event of client(place).stream(TEXT, { input: { prompt: PROMPT } }))
    events.push(event);
  return {
    names: events.map(({ event }) => event),
    output: events.map(String).join(""),
    last: events.at(-1).data,
  };
}

async function stream_file(place) {
  const names = [];
  let same;
  for await (const { event, data } of client(place).stream(FILE, {
    input: { image: place.dataUrl },
  })) {
    names.push(event);
    if (event === "output") same = place.data.equals(await bytes(data));
  }
  return { names, same };
}

async function stream_failure(place) {
  const events = client(place).stream(FILE, { input: { image: UNREACHABLE } });
  const error = await thrown(async () => {
    for await (const _event of events);
  });
  return { message: error.message };
}

async function pages(place) {
  const sizes = [];
  const ids = [];
  const ours = client(place);
  for await (const page of ours.paginate(ours.predictions.list)) {
    sizes.push(page.length);
    ids.push(...page.map((one) => one.id));
  }
  return { sizes, ids };
}

async function background(place) {
  const ours = client(place);
  const prediction = await ours.predictions.create({ model: TEXT, input: { prompt: PROMPT } });
  const ended = await ours.wait(prediction, { interval: 20 });
  return { first: prediction.status, last: ended.status, output: ended.output.join("") };
}

async function cancel(place) {
  const ours = client(place);
  const input = { prompt: "x", ms: LONG_MS };
  const prediction = await ours.predictions.create({ model: TEXT, input });
  const canceled = await ours.predictions.cancel(prediction.id);
  const later = await ours.predictions.get(prediction.id);
  const again = await ours.predictions.cancel(prediction.id);
  return {
    statuses: [canceled.status, later.status, again.status],
    completed: canceled.completed_at !== null,
  };
}

// An aborted signal makes the client cancel the prediction.
async function abort(place) {
  const giveUp = new AbortController();
  const seen = [];
  await client(place).run(
    TEXT,
    { input: { prompt: "x", ms: LONG_MS }, wait: { mode: "poll" }, signal: giveUp.signal },
    (prediction) => {
      seen.push(prediction.id);
      if (prediction.status !== "canceled" && seen.length > 1) giveUp.abort();
    },
  );
  return { status: (await client(place).predictions.get(seen[0])).status };
}

async function failure(place) {
  const ours = client(place);
  const error = await thrown(() => ours.run(FILE, { input: { image: UNREACHABLE } }));
  const [last] = (await ours.predictions.list()).results;
  return { message: error.message, status: last.status };
}

async function refusals(place) {
  const ours = client(place);
  const stranger = client(place, { key: "somebody-elses-key" });
  return {
    "unknown version": await refusal(() =>
      ours.predictions.create({ version: "0".repeat(64), input: {} }),
    ),
    "missing input": await refusal(() => ours.predictions.create({ model: TEXT, input: {} })),
    "unknown key": await refusal(() => stranger.predictions.list()),
    "unknown prediction": await refusal(() => ours.predictions.get("0".repeat(26))),
    "unknown model": await refusal(() => ours.models.get("nobody", "nothing")),
  };
}

// files and webhooks

async function files(place) {
  const ours = client(place);
  const note = new File(["twelve bytes"], "note.txt", { type: "text/plain" });
  const kept = await ours.files.create(note, { for: "you" });
  const listed = await list(ours, ours.files.list);
  const got = await ours.files.get(kept.id);
  return {
    kept: [kept.name, kept.content_type, kept.size, kept.metadata, kept.checksums.sha256],
    listed: listed.some((one) => one.id === kept.id),
    same: JSON.stringify(got) === JSON.stringify(kept),
    deleted: await ours.files.delete(kept.id),
    afterwards: await refusal(() => ours.files.get(kept.id)),
  };
}

async function webhook(place) {
  const ours = client(place);
  const hook = `${place.receiver}/replicate-js?of=mine`;
  await ours.predictions.create({
    model: TEXT,
    input: { prompt: PROMPT },
    webhook: hook,
    webhook_events_filter: ["start", "completed"],
  });
  const got = await (await fetch(hook)).json();
  const { key } = await ours.webhooks.default.secret.get();
  for (const one of got)
    if (!(await validateWebhook(one, key))) throw new Error(`not valid: ${one.body}`);
  const forged = await validateWebhook({ ...got[0], body: "forged" }, key);
  return { bodies: got.map((one) => one.body), forged: forged ? "accepted" : "refused" };
}

// retries: six requests back to back, also for a create

async function retries(place) {
  const creates = {};
  for (const fault of FAULTS) {
    const faulty = client(place, { base: `${place.proxy}/${fault}/v1` });
    const input = { prompt: `replicate-js ${fault}` };
    creates[fault] = (await faulty.predictions.create({ model: TEXT, input })).id;
  }
  const reads = {};
  for (const fault of REFUSED_ONCE)
    reads[fault] = id(
      await client(place, { base: `${place.proxy}/${fault}/v1` }).models.get(OWNER, NAME),
    );
  return { reads, creates };
}

await tell(
  text,
  by_version,
  polling,
  data_url,
  uploaded_input,
  stream_text,
  stream_file,
  stream_failure,
  pages,
  background,
  cancel,
  abort,
  failure,
  refusals,
  files,
  webhook,
  models,
  catalogue,
  own_model,
  deployment,
  training,
  untrainable,
  retries,
);
