"""What users of PyPI `replicate` 1.x do with models, deployments and trainings."""
# The client leaves much untyped.
# pyright: basic, reportOptionalMemberAccess=false, reportOptionalSubscript=false, reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

import replicate
from replicate.training import Training
from replicate_1_client import client, refusal
from steps import FILE, LONG_MS, PROMPT, TERMINAL, TEXT, Facts, Place


def models(place: Place) -> Facts:
    ours = client(place)
    model = ours.models.get(TEXT)
    version = model.versions.get(model.latest_version.id)
    return {
        "listed": [one.id for page in replicate.paginate(ours.models.list) for one in page],
        "found": [one.id for one in ours.models.search("echo-text")],
        "model": [model.owner, model.name, model.visibility, model.default_example],
        "versions": [one.id for one in model.versions.list()],
        "version": version.id,
        "inputs": sorted(version.openapi_schema["components"]["schemas"]["Input"]["properties"]),
    }


def catalogue(place: Place) -> Facts:
    ours = client(place)
    collections = list(ours.collections.list())
    return {
        "account": ours.accounts.current().type,
        "hardware": [one.sku for one in ours.hardware.list()],
        "collections": [one.slug for one in collections],
        "models": [one.id for one in ours.collections.get(collections[0].slug).models or []],
    }


def own_model(place: Place) -> Facts:
    ours = client(place)
    owner = ours.accounts.current().username
    sku = ours.hardware.list()[0].sku
    made = ours.models.create(owner, "of-replicate-1", visibility="private", hardware=sku)

    def create(name: str, hardware: str) -> object:
        return ours.models.create(owner, name, visibility="private", hardware=hardware)

    return {
        "made": [made.name, made.visibility, made.run_count, made.latest_version],
        "again": refusal(lambda: create("of-replicate-1", sku)),
        "elsewhere": refusal(lambda: create("other", "abacus")),
        "deleted": ours.models.delete(made.id),
    }


def deployment(place: Place) -> Facts:
    ours = client(place)
    version = ours.models.get(TEXT).latest_version.id
    made = ours.deployments.create(
        name="of-replicate-1",
        model=TEXT,
        version=version,
        hardware=ours.hardware.list()[0].sku,
        min_instances=0,
        max_instances=1,
    )
    listed = [one.id for one in ours.deployments.list()]
    updated = ours.deployments.update(made.owner, made.name, max_instances=2)
    prediction = ours.deployments.get(made.id).predictions.create({"prompt": PROMPT}, wait=True)
    return {
        "releases": [made.current_release.number, updated.current_release.number],
        "bounds": updated.current_release.configuration.max_instances,
        "listed": made.id in listed,
        "ran": [prediction.model, prediction.version == version],
        "output": "".join(prediction.output),
        "deleted": ours.deployments.delete(made.owner, made.name),
    }


def training(place: Place) -> Facts:
    ours = client(place)
    version = ours.models.get(TEXT).latest_version
    made = ours.models.create(
        ours.accounts.current().username,
        "trained-by-replicate-1",
        visibility="private",
        hardware=ours.hardware.list()[0].sku,
    )

    def train(**input_: object) -> Training:
        return ours.trainings.create(model=TEXT, version=version, input=input_, destination=made.id)

    trained = train(prefix="again")
    shown_as_prediction = ours.predictions.get(trained.id).status
    while trained.status not in TERMINAL:
        trained.reload()
    canceled = train(prefix="never", ms=LONG_MS)
    canceled.cancel()
    return {
        "status": trained.status,
        "shown": shown_as_prediction in {"starting", "processing", "succeeded"},
        "destination": trained.output["version"].partition(":")[0] == made.id,
        "output": "".join(ours.run(trained.output["version"], input={"prompt": PROMPT})),
        "canceled": ours.predictions.get(canceled.id).status,
        "listed": [one.id for one in ours.trainings.list()][:2] == [canceled.id, trained.id],
    }


def untrainable(place: Place) -> Facts:
    ours = client(place)
    version = ours.models.get(FILE).latest_version
    destination = f"{ours.accounts.current().username}/trained-by-replicate-1"
    return refusal(
        lambda: ours.trainings.create(
            model=FILE, version=version, input={}, destination=destination
        )
    )
