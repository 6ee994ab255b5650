"""What users of PyPI `replicate` 2.x do with models, deployments and trainings."""
# Checked against 1.x, which has the same name.
# pyright: basic, reportAttributeAccessIssue=false

from replicate_2_client import NAME, OWNER, client, latest, refusal
from steps import FILE, LONG_MS, PROMPT, TERMINAL, TEXT, Facts, Place


def models(place: Place) -> Facts:
    ours = client(place)
    model = ours.models.get(model_owner=OWNER, model_name=NAME)
    version = ours.models.versions.get(
        model_owner=OWNER, model_name=NAME, version_id=model.latest_version.id
    )
    versions = ours.models.versions.list(model_owner=OWNER, model_name=NAME)
    searched = ours.search(query="echo-text")
    return {
        "listed": [f"{one.owner}/{one.name}" for one in ours.models.list()],
        "found": [f"{one.owner}/{one.name}" for one in ours.models.search(body="echo-text")],
        "searched": [f"{one.model.owner}/{one.model.name}" for one in searched.models],
        "model": [model.owner, model.name, model.visibility, model.default_example],
        "versions": [one["id"] if isinstance(one, dict) else one.id for one in versions],
        "version": version.id,
        "inputs": sorted(version.openapi_schema["components"]["schemas"]["Input"]["properties"]),
        "readme": ours.models.readme.get(model_owner=OWNER, model_name=NAME).splitlines()[0],
        "examples": [
            one.id for one in ours.models.examples.list(model_owner=OWNER, model_name=NAME)
        ],
    }


def catalogue(place: Place) -> Facts:
    ours = client(place)
    collections = list(ours.collections.list())
    detail = ours.collections.get(collection_slug=collections[0].slug)
    return {
        "account": ours.account.get().type,
        "hardware": [one.sku for one in ours.hardware.list()],
        "collections": [one.slug for one in collections],
        "models": [f"{one.owner}/{one.name}" for one in detail.models],
    }


def own_model(place: Place) -> Facts:
    ours = client(place)
    owner = ours.account.get().username
    sku = ours.hardware.list()[0].sku

    def create(name: str, hardware: str) -> object:
        return ours.models.create(owner=owner, name=name, visibility="private", hardware=hardware)

    made = create("of-replicate-2", sku)
    facts = {
        "made": [made.name, made.visibility, made.run_count, made.latest_version],
        "again": refusal(lambda: create("of-replicate-2", sku)),
        "elsewhere": refusal(lambda: create("other", "abacus")),
    }
    ours.models.delete(model_owner=owner, model_name=made.name)
    return {**facts, "deleted": True}


def deployment(place: Place) -> Facts:
    ours = client(place)
    version = latest(ours)
    made = ours.deployments.create(
        name="of-replicate-2",
        model=TEXT,
        version=version,
        hardware=ours.hardware.list()[0].sku,
        min_instances=0,
        max_instances=1,
    )
    address = {"deployment_owner": made.owner, "deployment_name": made.name}
    listed = [one.name for one in ours.deployments.list()]
    updated = ours.deployments.update(**address, max_instances=2)
    prediction = ours.deployments.predictions.create(
        **address, input={"prompt": PROMPT}, prefer="wait"
    )
    ours.deployments.delete(**address)
    return {
        "releases": [made.current_release.number, updated.current_release.number],
        "bounds": updated.current_release.configuration.max_instances,
        "listed": made.name in listed,
        "ran": [prediction.model, prediction.version == version],
        "output": "".join(prediction.output),
        "deleted": True,
    }


def training(place: Place) -> Facts:
    ours = client(place)
    made = ours.models.create(
        owner=ours.account.get().username,
        name="trained-by-replicate-2",
        visibility="private",
        hardware=ours.hardware.list()[0].sku,
    )
    destination = f"{made.owner}/{made.name}"

    version = latest(ours)

    def train(**input_: object):  # noqa: ANN202  # a type of 2.x
        return ours.trainings.create(
            model_owner=OWNER,
            model_name=NAME,
            version_id=version,
            destination=destination,
            input=input_,
        )

    trained = train(prefix="again")
    shown_as_prediction = ours.predictions.get(prediction_id=trained.id).status
    while trained.status not in TERMINAL:
        trained = ours.trainings.get(training_id=trained.id)
    canceled = train(prefix="never", ms=LONG_MS)
    ours.trainings.cancel(training_id=canceled.id)
    return {
        "status": trained.status,
        "shown": shown_as_prediction in {"starting", "processing", "succeeded"},
        "destination": trained.output.version.partition(":")[0] == destination,
        "output": "".join(ours.run(trained.output.version, input={"prompt": PROMPT})),
        "canceled": ours.predictions.get(prediction_id=canceled.id).status,
        "listed": [one.id for one in ours.trainings.list()][:2] == [canceled.id, trained.id],
    }


def untrainable(place: Place) -> Facts:
    ours = client(place)
    owner, name = FILE.split("/")
    version = ours.models.get(model_owner=owner, model_name=name).latest_version.id
    return refusal(
        lambda: ours.trainings.create(
            model_owner=owner,
            model_name=name,
            version_id=version,
            destination=f"{ours.account.get().username}/trained-by-replicate-2",
            input={},
        )
    )
