"""What users of PyPI `openai` do with pictures. Its base URL includes `/v1`."""
# The client lives in an environment of its own.
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx2
from openai import APIStatusError, OpenAI
from steps import FILE, UNREACHABLE, Facts, Place, tell

FAULTS = ("unsent-2", "unanswered-2", "unread-2", "status429-2", "status503-2")
TWO_PICTURES = "flux-kontext-apps/multi-image-kontext-pro"


def client(place: Place, base_url: str = "", key: str = "") -> OpenAI:
    return OpenAI(api_key=key or place.key, base_url=base_url or f"{place.url}/v1")


def refusal(call: Callable[[], object]) -> Facts:
    """The error that *call* meets, in OpenAI's form."""
    try:
        call()
    except APIStatusError as error:
        named = error.body
        return {"status": error.status_code, **named}
    raise AssertionError("this should have been refused")


def generate(place: Place) -> Facts:
    """`extra_body` passes into the model's input."""
    answer = client(place).images.generate(
        model=FILE, prompt="as it is", extra_body={"image": place.data_url}
    )
    picture = httpx2.get(answer.data[0].url)
    return {"same": picture.content == place.data, "created": answer.created > 0}


def generate_inline(place: Place) -> Facts:
    answer = client(place).images.generate(
        model=FILE,
        prompt="as it is",
        n=1,
        size="1024x1024",
        response_format="b64_json",
        extra_body={"image": place.data_url},
    )
    return {"same": base64.b64decode(answer.data[0].b64_json) == place.data}


def edit(place: Place) -> Facts:
    with place.picture.open("rb") as picture:
        answer = client(place).images.edit(
            model=FILE, image=picture, prompt="as it is", response_format="b64_json"
        )
    return {"same": base64.b64decode(answer.data[0].b64_json) == place.data}


def edit_two(place: Place) -> Facts:
    """Pictures fill the schema's in order; this model needs both."""
    with place.picture.open("rb") as first, place.picture.open("rb") as second:
        answer = client(place).images.edit(
            model=TWO_PICTURES, image=[first, second], prompt="both", response_format="b64_json"
        )
    return {"pictures": [base64.b64decode(one.b64_json)[:4].hex() for one in answer.data]}


def refusals(place: Place) -> Facts:
    ours = client(place)
    stranger = client(place, key="somebody-elses-key")
    image = {"image": place.data_url}
    unreachable = {"image": UNREACHABLE}

    def generate(openai: OpenAI, model: str, body: dict[str, str]) -> Callable[[], object]:
        return lambda: openai.images.generate(model=model, prompt="as it is", extra_body=body)

    return {
        "unknown model": refusal(generate(ours, "nobody/nothing", image)),
        "missing input": refusal(generate(ours, FILE, {})),
        "unknown key": refusal(generate(stranger, FILE, image)),
        "failed": refusal(generate(ours, FILE, unreachable)),
        "streaming": refusal(
            lambda: ours.images.generate(
                model=FILE, prompt="as it is", stream=True, extra_body=image
            )
        ),
    }


def retries(place: Place) -> Facts:
    """A create is repeated up to twice, whatever became of it."""

    def same(fault: str) -> bool:
        faulty = client(place, f"{place.proxy}/{fault}/v1")
        answer = faulty.images.generate(
            model=FILE,
            prompt=f"openai-python {fault}",
            response_format="b64_json",
            extra_body={"image": place.data_url},
        )
        return base64.b64decode(answer.data[0].b64_json) == place.data

    with ThreadPoolExecutor() as threads:
        return {"creates": dict(zip(FAULTS, threads.map(same, FAULTS), strict=True))}


if __name__ == "__main__":
    tell(generate, generate_inline, edit, edit_two, refusals, retries)
