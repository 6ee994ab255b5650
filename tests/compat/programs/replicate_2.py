"""What users of the pre-release PyPI `replicate` 2.x do. Its base URL includes `/v1`.

`use()` takes its address and key from the environment; it opens no stream, `streaming=True` polls.
There is no function that verifies a webhook, so the signature is computed as its guide says.
"""
# Checked against 1.x, which has the same name.
# pyright: basic, reportAttributeAccessIssue=false

import asyncio
import base64
import hashlib
import hmac
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import replicate
from replicate import AsyncReplicate
from replicate.exceptions import ModelError
from replicate_2_client import client, latest, refusal
from replicate_2_models import catalogue, deployment, models, own_model, training, untrainable
from steps import FILE, LONG_MS, PROMPT, TEXT, UNREACHABLE, Facts, Place, tell

FAULTS = ("unsent-2", "unanswered-2", "unread-2", "status429-2", "status503-2")


# predictions


def text(place: Place) -> Facts:
    return {"output": "".join(client(place).run(TEXT, input={"prompt": PROMPT}))}


def by_version(place: Place) -> Facts:
    ours = client(place)
    return {"output": "".join(ours.run(f"{TEXT}:{latest(ours)}", input={"prompt": PROMPT}))}


def polling(place: Place) -> Facts:
    return {"output": "".join(client(place).run(TEXT, input={"prompt": PROMPT}, wait=False))}


def asynchronous(place: Place) -> Facts:
    async def run() -> list[str]:
        async with AsyncReplicate(bearer_token=place.key, base_url=f"{place.url}/v1") as ours:
            return await ours.run(TEXT, input={"prompt": PROMPT})

    return {"output": "".join(asyncio.run(run()))}


def data_url(place: Place) -> Facts:
    with place.picture.open("rb") as picture:
        output = client(place).run(FILE, input={"image": picture}, file_encoding_strategy="base64")
    return {"wrapped": type(output).__name__, "same": output.read() == place.data}


def uploaded_input(place: Place) -> Facts:
    with place.picture.open("rb") as picture:
        output = client(place).run(FILE, input={"image": picture})
    return {"wrapped": type(output).__name__, "same": output.read() == place.data}


def stream_text(_place: Place) -> Facts:
    chunks = replicate.use(TEXT, streaming=True)(prompt=PROMPT)
    return {"output": "".join(chunks)}


def function(place: Place) -> Facts:
    """Models as functions: the schema decides what comes back."""
    picture = replicate.use(FILE)(image=place.data_url)
    return {
        "output": replicate.use(TEXT)(prompt=PROMPT),
        "same": Path(picture).read_bytes() == place.data,
    }


def pages(place: Place) -> Facts:
    sizes: list[int] = []
    ids: list[str] = []
    for page in client(place).predictions.list().iter_pages():
        sizes.append(len(page.results))
        ids.extend(one.id for one in page.results)
    return {"sizes": sizes, "ids": ids}


def background(place: Place) -> Facts:
    ours = client(place)
    prediction = ours.predictions.create(version=TEXT, input={"prompt": PROMPT})
    first = prediction.status
    prediction = ours.predictions.wait(prediction.id)
    return {"first": first, "last": prediction.status, "output": "".join(prediction.output)}


def cancel(place: Place) -> Facts:
    ours = client(place)
    prediction = ours.predictions.create(version=TEXT, input={"prompt": "x", "ms": LONG_MS})
    canceled = ours.predictions.cancel(prediction_id=prediction.id)
    later = ours.predictions.get(prediction_id=prediction.id)
    again = ours.predictions.cancel(prediction_id=prediction.id)
    return {
        "statuses": [canceled.status, later.status, again.status],
        "completed": canceled.completed_at is not None,
    }


def failure(place: Place) -> Facts:
    try:
        client(place).run(FILE, input={"image": UNREACHABLE})
    except ModelError as error:
        return {"message": error.prediction.error, "status": error.prediction.status}
    raise AssertionError("this should have failed")


def refusals(place: Place) -> Facts:
    ours = client(place)
    stranger = client(place, key="somebody-elses-key")
    return {
        "unknown version": refusal(lambda: ours.predictions.create(version="0" * 64, input={})),
        "missing input": refusal(lambda: ours.predictions.create(version=TEXT, input={})),
        "unknown key": refusal(stranger.predictions.list),
        "unknown prediction": refusal(lambda: ours.predictions.get(prediction_id="0" * 26)),
        "unknown model": refusal(
            lambda: ours.models.get(model_owner="nobody", model_name="nothing")
        ),
    }


# files and webhooks


def files(place: Place) -> Facts:
    ours = client(place)
    kept = ours.files.create(
        content=io.BytesIO(b"twelve bytes"),
        filename="note.txt",
        type="text/plain",
        metadata={"for": "you"},
    )
    listed = [one.id for one in ours.files.list()]
    got = ours.files.get(file_id=kept.id)
    ours.files.delete(file_id=kept.id)
    return {
        "kept": [kept.name, kept.content_type, kept.size, kept.metadata, kept.checksums.sha256],
        "listed": kept.id in listed,
        "same": got.to_dict() == kept.to_dict(),
        "deleted": True,
        "afterwards": refusal(lambda: ours.files.get(file_id=kept.id)),
    }


def signature(secret: str, headers: dict[str, str], body: str) -> str:
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}"
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, signed.encode(), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def webhook(place: Place) -> Facts:
    ours = client(place)
    hook = f"{place.receiver}/replicate-2?of=mine"
    ours.predictions.create(
        version=TEXT,
        input={"prompt": PROMPT},
        webhook=hook,
        webhook_events_filter=["start", "completed"],
    )
    got = httpx.get(hook, timeout=30).json()
    secret = ours.webhooks.default.secret.get().key
    for one in got:
        sent = one["headers"]["webhook-signature"].split()
        assert signature(secret, one["headers"], one["body"]) in sent
    forged = signature(secret, got[0]["headers"], "forged")
    refused = forged not in got[0]["headers"]["webhook-signature"].split()
    return {
        "bodies": [one["body"] for one in got],
        "forged": "refused" if refused else "accepted",
    }


# retries


def retries(place: Place) -> Facts:
    """This client repeats a create up to twice, whatever became of it."""

    def create(fault: str) -> str:
        faulty = client(place, f"{place.proxy}/{fault}/v1")
        return faulty.predictions.create(
            version=TEXT, input={"prompt": f"replicate-2 {fault}"}, prefer="wait"
        ).id

    with ThreadPoolExecutor() as threads:
        return {"creates": dict(zip(FAULTS, threads.map(create, FAULTS), strict=True))}


if __name__ == "__main__":
    tell(
        text,
        by_version,
        polling,
        asynchronous,
        data_url,
        uploaded_input,
        stream_text,
        function,
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
