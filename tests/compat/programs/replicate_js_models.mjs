// What users of npm `replicate` do with models, deployments and trainings.

import { NAME, OWNER, client, id, latest, list, refusal } from "./replicate_js_client.mjs";
import { FILE, LONG_MS, PROMPT, TERMINAL, TEXT } from "./steps.mjs";

export async function models(place) {
  const ours = client(place);
  const model = await ours.models.get(OWNER, NAME);
  const version = await ours.models.versions.get(OWNER, NAME, model.latest_version.id);
  const versions = await list(ours, () => ours.models.versions.list(OWNER, NAME));
  return {
    listed: (await list(ours, ours.models.list)).map(id),
    found: (await ours.models.search("echo-text")).results.map(id),
    model: [model.owner, model.name, model.visibility, model.default_example],
    versions: versions.map((one) => one.id),
    version: version.id,
    inputs: Object.keys(version.openapi_schema.components.schemas.Input.properties).sort(),
  };
}

export async function catalogue(place) {
  const ours = client(place);
  const collections = await list(ours, ours.collections.list);
  return {
    account: (await ours.accounts.current()).type,
    hardware: (await ours.hardware.list()).map((one) => one.sku),
    collections: collections.map((one) => one.slug),
    models: (await ours.collections.get(collections[0].slug)).models.map(id),
  };
}

// This client cannot delete a model.
export async function own_model(place) {
  const ours = client(place);
  const owner = (await ours.accounts.current()).username;
  const [{ sku }] = await ours.hardware.list();
  const create = (name, hardware) =>
    ours.models.create(owner, name, { visibility: "private", hardware });
  const made = await create("of-replicate-js", sku);
  return {
    made: [made.name, made.visibility, made.run_count, made.latest_version],
    again: await refusal(() => create("of-replicate-js", sku)),
    elsewhere: await refusal(() => create("other", "abacus")),
  };
}

export async function deployment(place) {
  const ours = client(place);
  const version = await latest(ours);
  const [{ sku }] = await ours.hardware.list();
  const made = await ours.deployments.create({
    name: "of-replicate-js",
    model: TEXT,
    version,
    hardware: sku,
    min_instances: 0,
    max_instances: 1,
  });
  const listed = await list(ours, ours.deployments.list);
  const updated = await ours.deployments.update(made.owner, made.name, { max_instances: 2 });
  const prediction = await ours.deployments.predictions.create(made.owner, made.name, {
    input: { prompt: PROMPT },
    wait: true,
  });
  return {
    releases: [made.current_release.number, updated.current_release.number],
    bounds: updated.current_release.configuration.max_instances,
    listed: listed.some((one) => one.name === made.name),
    ran: [prediction.model, prediction.version === version],
    output: prediction.output.join(""),
    deleted: await ours.deployments.delete(made.owner, made.name),
  };
}

export async function training(place) {
  const ours = client(place);
  const { username } = await ours.accounts.current();
  const [{ sku }] = await ours.hardware.list();
  const name = "trained-by-replicate-js";
  const made = await ours.models.create(username, name, { visibility: "private", hardware: sku });
  const version = await latest(ours);
  const train = (input) =>
    ours.trainings.create(OWNER, NAME, version, { destination: id(made), input });
  let trained = await train({ prefix: "again" });
  const shown = (await ours.predictions.get(trained.id)).status;
  while (!TERMINAL.has(trained.status)) trained = await ours.trainings.get(trained.id);
  const canceled = await train({ prefix: "never", ms: LONG_MS });
  await ours.trainings.cancel(canceled.id);
  const output = await ours.run(trained.output.version, { input: { prompt: PROMPT } });
  const listed = (await list(ours, ours.trainings.list)).slice(0, 2).map((one) => one.id);
  return {
    status: trained.status,
    shown: ["starting", "processing", "succeeded"].includes(shown),
    destination: trained.output.version.split(":")[0] === id(made),
    output: output.join(""),
    canceled: (await ours.predictions.get(canceled.id)).status,
    listed: listed.join() === [canceled.id, trained.id].join(),
  };
}

export async function untrainable(place) {
  const ours = client(place);
  const [owner, name] = FILE.split("/");
  const { username } = await ours.accounts.current();
  const destination = `${username}/trained-by-replicate-js`;
  const version = (await ours.models.get(owner, name)).latest_version.id;
  return refusal(() =>
    ours.trainings.create(owner, name, version, { destination, input: {} }),
  );
}
