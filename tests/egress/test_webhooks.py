"""A webhook leaves signed, whole and once; whatever comes back is a reply, never an error."""

import asyncio
import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest
from replicate.webhook import Webhooks, WebhookSigningSecret
from tests.egress.networks import Silence
from tests.support.receiver import Receiver, receiving

from darkroom.egress.webhooks import KEPT_BYTES, GuardedPoster
from darkroom.ports.webhooks import Answered, Message, Unanswered, Undeliverable

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOON = 1_753_876_800.0  # Wed, 30 Jul 2025 12:00:00 GMT


def message(url: str, body: bytes = b'{"test": 2432232314}') -> Message:
    return Message(
        url=url, id="msg_p5jXN8AQM9LWM0D4loKWxJek", at=1614265330, body=body, secret=SECRET
    )


@asynccontextmanager
async def door(receiver: Receiver, *, total_seconds: float = 5.0) -> AsyncGenerator[GuardedPoster]:
    async with GuardedPoster(
        allow=[receiver.place], total_seconds=total_seconds, now=lambda: NOON
    ) as poster:
        yield poster


@pytest.mark.conformance(78)
async def test_the_published_example_is_signed_as_published() -> None:
    async with receiving() as receiver, door(receiver) as poster:
        assert await poster.post(message(receiver.url())) == Answered(200, "thanks")
    (call,) = receiver.calls

    assert call.headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert call.headers["webhook-timestamp"] == "1614265330"
    assert call.headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.conformance(78)
async def test_the_vendors_own_check_accepts_the_signature_of_any_text() -> None:
    body = '{"logs": "überall \\u0000 🎞"}'
    async with receiving() as receiver, door(receiver) as poster:
        await poster.post(message(receiver.url(), body.encode()))
    (call,) = receiver.calls

    Webhooks.validate(
        headers=dict(call.headers), body=body, secret=WebhookSigningSecret(key=SECRET)
    )
    signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.{body}"
    key = b64decode(SECRET.removeprefix("whsec_"))
    expected = b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()
    assert call.headers["webhook-signature"] == f"v1,{expected}"


async def test_the_request_is_a_post_of_json_that_says_who_sends_it() -> None:
    async with receiving() as receiver, door(receiver) as poster:
        await poster.post(message(receiver.url("/hook?order=17&name=a%20b")))
    (call,) = receiver.calls

    assert (call.method, call.target) == ("POST", "/hook?order=17&name=a%20b")
    assert call.body == b'{"test": 2432232314}'
    assert call.headers["content-type"] == "application/json"
    assert call.headers["user-agent"].startswith("darkroom/")
    assert {"authorization", "cookie", "referer"} & call.headers.keys() == set()


@pytest.mark.fault(23)
@pytest.mark.conformance(80)
async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with receiving() as receiver, door(receiver) as poster:
        receiver.statuses, receiver.headers = [307], {"location": receiver.url("/elsewhere")}
        reply = await poster.post(message(receiver.url()))

    assert reply == Answered(307, "thanks")
    assert len(receiver.calls) == 1


async def test_the_environments_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with receiving() as receiver, door(receiver) as poster:
        assert await poster.post(message(receiver.url())) == Answered(200, "thanks")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1/hook", "DARKROOM_EGRESS_ALLOW"),
        ("https://10.0.0.7/hook", "DARKROOM_EGRESS_ALLOW"),
        ("https://example.com:9/hook", "DARKROOM_EGRESS_ALLOW"),
        ("ftp://example.com/hook", "http"),
        ("https://ada:secret@example.com/hook", "password"),
        ("https://[/hook", "URL"),
    ],
)
async def test_an_address_nothing_is_sent_to_is_told_with_the_reason(url: str, words: str) -> None:
    async with GuardedPoster(resolve=_example) as poster:
        reply = await poster.post(message(url))

    assert isinstance(reply, Undeliverable)
    assert words in reply.reason


async def test_nobody_there_is_no_answer() -> None:
    async with receiving() as receiver:
        pass
    async with door(receiver) as poster:
        reply = await poster.post(message(receiver.url()))
    assert isinstance(reply, Unanswered)
    assert "cannot be reached" in reply.reason


async def test_a_network_that_swallows_everything_is_no_answer() -> None:
    async with GuardedPoster(resolve=_example, network=Silence()) as poster:
        reply = await poster.post(message("https://example.com/hook"))
    assert isinstance(reply, Unanswered)


@pytest.mark.fault(23)
async def test_a_receiver_that_never_answers_is_given_up() -> None:
    async with receiving() as receiver, door(receiver, total_seconds=0.2) as poster:
        receiver.gate = asyncio.Event()
        reply = await poster.post(message(receiver.url()))
        receiver.gate.set()
    assert reply == Unanswered("it did not answer within 0.2 seconds")


async def test_an_answer_that_breaks_off_counts_by_its_status() -> None:
    async with receiving() as receiver, door(receiver) as poster:
        receiver.headers["content-length"] = "1000"
        reply = await poster.post(message(receiver.url()))
    assert reply == Answered(200, "thanks", None)


async def test_an_answer_whose_body_never_ends_counts_by_its_status() -> None:
    left = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 202 Fine\r\ncontent-length: 9\r\n\r\nfine")
        await reader.read()  # until the other side has had enough
        writer.close()
        left.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    place = "{}:{}".format(*server.sockets[0].getsockname()[:2])
    async with server, GuardedPoster(allow=[place], body_seconds=0.05) as poster:
        reply = await poster.post(message(f"http://{place}/hook"))
        await left.wait()
    assert reply == Answered(202, "fine", None)


async def test_of_a_long_answer_the_beginning_is_kept() -> None:
    async with receiving() as receiver, door(receiver) as poster:
        receiver.body = b"\0" + b"x" * 2**20
        reply = await poster.post(message(receiver.url()))
    assert isinstance(reply, Answered)
    assert reply.text == "\N{REPLACEMENT CHARACTER}" + "x" * (KEPT_BYTES - 1)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Wed, 30 Jul 2025 12:01:00 GMT", 60.0),
        ("Wed, 30 Jul 2025 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("Wed, 30 Jul 99999999999999999999 12:01:00 GMT", None),
        ("Wed, 30 Jul 2025 12:01:00 +99999999999999999999", None),
        ("9" * 500, 999_999_999.0),
    ],
)
async def test_a_receiver_may_say_when_to_come_again(header: str, seconds: float | None) -> None:
    async with receiving() as receiver, door(receiver) as poster:
        receiver.statuses, receiver.headers = [503], {"retry-after": header}
        reply = await poster.post(message(receiver.url()))
    assert isinstance(reply, Answered)
    assert reply.retry_after_seconds == seconds


def _example(host: str) -> Sequence[str]:  # noqa: ARG001  # a resolver's signature
    return ["93.184.215.14"]
