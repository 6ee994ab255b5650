"""Names whose answers change or are mixed: what was judged is what is dialled."""

import asyncio
from collections.abc import Sequence

import pytest
from tests.egress.loopback import ignored, reply, serving
from tests.egress.networks import Detour

from darkroom.domain.errors import EgressDenied, InputUnusable
from darkroom.egress.fetch import GuardedFetcher

PUBLIC, OTHER_PUBLIC, PRIVATE, WRAPPED = "8.8.8.8", "1.1.1.1", "127.0.0.1", "::ffff:10.0.0.1"


class Answers:
    """A name server that gives one list after the other and counts how often it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.left = list(answers)
        self.asked: list[object] = []

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        return self.left.pop(0)


async def test_an_answer_that_turns_private_after_the_check_is_never_used() -> None:
    names = Answers([PUBLIC], [PRIVATE])
    async with serving(ignored) as server:
        network = Detour(server.port)
        async with GuardedFetcher(network=network, resolve=names) as door:
            assert await door.fetch("http://rebinding.test/a", limit_bytes=100) == b"reached /a"
            assert names.asked == ["rebinding.test"]
            with pytest.raises(EgressDenied):
                await door.fetch("http://rebinding.test/a", limit_bytes=100)
    assert network.dialled == [(PUBLIC, 80)]
    assert server.requests[0].headers["host"] == "rebinding.test"


async def test_a_redirect_to_the_same_name_is_judged_again() -> None:
    async def onward(_: object, writer: asyncio.StreamWriter) -> None:
        reply(writer, b"", status=302, location="/inside")

    names = Answers([PUBLIC], [PRIVATE])
    async with serving(onward) as server:
        network = Detour(server.port)
        async with GuardedFetcher(network=network, resolve=names) as door:
            with pytest.raises(EgressDenied):
                await door.fetch("http://rebinding.test/a", limit_bytes=100)
    assert network.dialled == [(PUBLIC, 80)]
    assert server.accepted == 1


@pytest.mark.parametrize(
    "answer",
    [
        [PUBLIC, PRIVATE],
        [PRIVATE, PUBLIC],
        [PUBLIC, OTHER_PUBLIC, WRAPPED],
        [PUBLIC] * 4 + [PRIVATE],  # beyond those that would be dialled
        [PUBLIC, "not an address"],
        [PUBLIC, "127.1"],
    ],
    ids=["last", "first", "wrapped", "fifth", "unreadable", "odd"],
)
async def test_one_bad_answer_refuses_the_whole_name(answer: list[str]) -> None:
    async with serving(ignored) as server:
        network = Detour(server.port)
        async with GuardedFetcher(network=network, resolve=Answers(answer)) as door:
            with pytest.raises(InputUnusable):
                await door.fetch("http://mixed.test/", limit_bytes=100)
        assert server.accepted == 0
    assert network.dialled == []


async def test_at_most_four_addresses_of_a_name_are_dialled() -> None:
    answer = [f"8.8.8.{last}" for last in range(20)]
    network = Detour(1)  # nobody listens there
    async with GuardedFetcher(network=network, resolve=Answers(answer)) as door:
        with pytest.raises(InputUnusable):
            await door.fetch("http://many.test/", limit_bytes=100)
    assert network.dialled == [(address, 80) for address in answer[:4]]


async def test_the_second_address_answers_where_the_first_does_not() -> None:
    class OnlyTheSecond(Detour):
        async def connect_tcp(self, host: str, *arguments: object, **named: object):  # noqa: ANN202
            heard, self.port = self.port, self.port if host == OTHER_PUBLIC else 1
            try:
                return await super().connect_tcp(host, *arguments, **named)  # pyright: ignore[reportArgumentType]  # passed on
            finally:
                self.port = heard

    async with serving(ignored) as server:
        network = OnlyTheSecond(server.port)
        names = Answers([PUBLIC, OTHER_PUBLIC])
        async with GuardedFetcher(network=network, resolve=names) as door:
            assert await door.fetch("http://two.test/a", limit_bytes=100) == b"reached /a"


async def test_tls_asks_for_the_name_although_the_address_is_dialled() -> None:
    heard = asyncio.get_running_loop().create_future()

    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set_result(await reader.read(4096))
        writer.close()

    server = await asyncio.start_server(listens, "127.0.0.1", 0)
    async with server:
        network = Detour(server.sockets[0].getsockname()[1])
        async with GuardedFetcher(network=network, resolve=Answers([PUBLIC])) as door:
            with pytest.raises(InputUnusable, match="cannot be reached"):
                await door.fetch("https://rebinding.test/", limit_bytes=100)
        assert b"rebinding.test" in await heard  # the name in a client's greeting is not encrypted
    assert network.dialled == [(PUBLIC, 443)]


async def test_a_name_is_handed_to_the_resolver_as_text() -> None:
    names = Answers([PUBLIC])
    async with serving(ignored) as server:
        network = Detour(server.port)
        async with GuardedFetcher(network=network, resolve=names) as door:
            await door.fetch("http://bücher.test/", limit_bytes=100)
    assert names.asked == ["xn--bcher-kva.test"]
