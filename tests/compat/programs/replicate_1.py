"""What users of PyPI `replicate` 1.x do. Its base URL is without `/v1`."""
# The client leaves much untyped.
# pyright: basic, reportOptionalMemberAccess=false, reportOptionalSubscript=false, reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

import asyncio
import io

import httpx
import replicate
from replicate.exceptions import ModelError
from replicate.webhook import InvalidSignatureError, Webhooks
from replicate_1_client import client, refusal
from replicate_1_models import catalogue, deployment, models, own_model, training, untrainable
from steps import FILE, LONG_MS, PROMPT, TEXT, UNREACHABLE, Facts, Place, tell

REFUSED_ONCE = ("status429-2", "status503-2")


# predictions


def text(place: Place) -> Facts:
    return {"output": "".join(client(place).run(TEXT, input={"prompt": PROMPT}))}


def by_version(place: Place) -> Facts:
    ours = client(place)
    ref = f"{TEXT}:{ours.models.get(TEXT).latest_version.id}"
    return {"output": "".join(ours.run(ref, input={"prompt": PROMPT}))}


def polling(place: Place) -> Facts:
    return {"output": "".join(client(place).run(TEXT, input={"prompt": PROMPT}, wait=False))}


def asynchronous(place: Place) -> Facts:
    output = asyncio.run(client(place).async_run(TEXT, input={"prompt": PROMPT}))
    return {"output": "".join(output)}


def data_url(place: Place) -> Facts:
    with place.picture.open("rb") as picture:
        output = client(place).run(FILE, input={"image": picture}, file_encoding_strategy="base64")
    return {"wrapped": type(output).__name__, "same": output.read() == place.data}


def uploaded_input(place: Place) -> Facts:
    with place.picture.open("rb") as picture:
        output = client(place).run(FILE, input={"image": picture})
    return {"wrapped": type(output).__name__, "same": output.read() == place.data}


def stream_text(place: Place) -> Facts:
    events = list(client(place).stream(TEXT, input={"prompt": PROMPT}))
    return {
        "names": [event.event.value for event in events],
        "output": "".join(map(str, events)),
        "last": events[-1].data,
    }


def stream_file(place: Place) -> Facts:
    events = list(client(place).stream(FILE, input={"image": place.data_url}))
    names = [event.event.value for event in events]
    picture = httpx.get(str(events[names.index("output")]))
    return {"names": names, "same": picture.content == place.data}


def stream_failure(place: Place) -> Facts:
    try:
        list(client(place).stream(FILE, input={"image": UNREACHABLE}))
    except RuntimeError as error:
        return {"message": str(error)}
    raise AssertionError("this should have failed")


def pages(place: Place) -> Facts:
    read = list(replicate.paginate(client(place).predictions.list))
    return {"sizes": [len(page) for page in read], "ids": [one.id for page in read for one in page]}


def background(place: Place) -> Facts:
    prediction = client(place).predictions.create(model=TEXT, input={"prompt": PROMPT})
    first = prediction.status
    prediction.wait()
    return {"first": first, "last": prediction.status, "output": "".join(prediction.output)}


def cancel(place: Place) -> Facts:
    ours = client(place)
    prediction = ours.models.predictions.create(TEXT, input={"prompt": "x", "ms": LONG_MS})
    canceled = ours.predictions.cancel(prediction.id)
    prediction.reload()
    again = ours.predictions.cancel(prediction.id)
    return {
        "statuses": [canceled.status, prediction.status, again.status],
        "completed": canceled.completed_at is not None,
    }


def failure(place: Place) -> Facts:
    try:
        client(place).run(FILE, input={"image": UNREACHABLE})
    except ModelError as error:
        return {"message": str(error), "status": error.prediction.status}
    raise AssertionError("this should have failed")


def refusals(place: Place) -> Facts:
    ours = client(place)
    stranger = client(place, key="somebody-elses-key")
    return {
        "unknown version": refusal(lambda: ours.predictions.create(version="0" * 64, input={})),
        "missing input": refusal(lambda: ours.models.predictions.create(TEXT, input={})),
        "unknown key": refusal(lambda: stranger.predictions.list()),
        "unknown prediction": refusal(lambda: ours.predictions.get("0" * 26)),
        "unknown model": refusal(lambda: ours.models.get("nobody/nothing")),
    }


# files and webhooks


def files(place: Place) -> Facts:
    ours = client(place)
    kept = ours.files.create(
        io.BytesIO(b"twelve bytes"),
        filename="note.txt",
        content_type="text/plain",
        metadata={"for": "you"},
    )
    listed = [one.id for one in ours.files.list()]
    got = ours.files.get(kept.id)
    deleted = ours.files.delete(kept.id)
    return {
        "kept": [kept.name, kept.content_type, kept.size, kept.metadata, kept.checksums["sha256"]],
        "listed": kept.id in listed,
        "same": got == kept,
        "deleted": deleted,
        "afterwards": refusal(lambda: ours.files.get(kept.id)),
    }


def webhook(place: Place) -> Facts:
    ours = client(place)
    hook = f"{place.receiver}/replicate-1?of=mine"
    ours.models.predictions.create(
        TEXT, {"prompt": PROMPT}, webhook=hook, webhook_events_filter=["start", "completed"]
    )
    got = httpx.get(hook, timeout=30).json()
    secret = ours.webhooks.default.secret()
    for one in got:
        Webhooks.validate(headers=one["headers"], body=one["body"], secret=secret, tolerance=60)
    try:
        Webhooks.validate(headers=got[0]["headers"], body="forged", secret=secret)
    except InvalidSignatureError:
        return {"bodies": [one["body"] for one in got], "forged": "refused"}
    return {"forged": "accepted"}


# retries


def retries(place: Place) -> Facts:
    """This client repeats reads; a create is repeated by its user."""
    reads = {
        fault: client(place, f"{place.proxy}/{fault}").models.get(TEXT).id for fault in REFUSED_ONCE
    }
    fault = "unanswered-1"
    faulty = client(place, f"{place.proxy}/{fault}")
    input_ = {"prompt": f"replicate-1 {fault}"}
    try:
        faulty.models.predictions.create(TEXT, input_)
    except httpx.RemoteProtocolError:
        again = faulty.models.predictions.create(TEXT, input_)
        return {"reads": reads, "creates": {fault: again.id}}
    raise AssertionError("the connection should have been cut")


if __name__ == "__main__":
    tell(
        text,
        by_version,
        polling,
        asynchronous,
        data_url,
        uploaded_input,
        stream_text,
        stream_file,
        stream_failure,
        pages,
        background,
        cancel,
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
    )
