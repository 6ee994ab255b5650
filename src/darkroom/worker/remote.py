"""Output files on their way to a bucket: each to an address that the server has signed."""

import asyncio
from collections.abc import Callable

from darkroom.domain.errors import FilesUnavailable
from darkroom.ports.buckets import SignedFiles
from darkroom.protocol.messages import Granted, Job, Wants

ANSWER_SECONDS = 30.0
_NO_ADDRESS = "the server gave no address to store it at"


class Remote:
    """Satisfies Keeper by signed addresses. One is good for one try; then another is asked for.

    Args:
        signed: what uses the addresses.
        send: asks the server.
        answer_seconds: how long its answer is waited for.
    """

    def __init__(
        self,
        signed: SignedFiles,
        send: Callable[[Wants], None],
        *,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._signed = signed
        self._send = send
        self._answer_seconds = answer_seconds
        self._urls: dict[str, str] = {}
        self._asked: dict[str, asyncio.Future[str | None]] = {}

    def begin(self, job: Job) -> None:
        """Remember the addresses that came with *job*."""
        for index, url in enumerate(job.puts or ()):
            self._urls[_key(job.id, job.attempt, index)] = url

    def end(self, job: Job) -> None:
        """Forget those that *job* did not need."""
        for index in range(len(job.puts or ())):
            self._urls.pop(_key(job.id, job.attempt, index), None)

    def granted(self, granted: Granted) -> None:
        """Take the server's answer; one that nobody waits for is dropped."""
        asked = self._asked.get(_key(granted.id, granted.attempt, granted.index))
        if asked is not None and not asked.done():
            asked.set_result(granted.url)

    async def put(self, key: str, data: bytes) -> None:
        """Store *data* at the address for *key*, asking for one if there is none yet.

        Raises:
            FilesUnavailable: it could not be stored, or no address was to be had.
        """
        url = self._urls.pop(key, None) or await self._ask(key)
        await self._signed.put(url, data)

    async def _ask(self, key: str) -> str:
        _, id_, attempt, index = key.split("/")
        answer = asyncio.get_running_loop().create_future()
        self._asked[key] = answer
        self._send(Wants(id_, int(attempt), int(index)))
        try:
            async with asyncio.timeout(self._answer_seconds):
                url = await answer
        except TimeoutError as error:
            raise FilesUnavailable(_NO_ADDRESS) from error
        finally:
            del self._asked[key]
        if url is None:
            raise FilesUnavailable(_NO_ADDRESS)
        return url


def _key(id_: str, attempt: int, index: int) -> str:
    return f"predictions/{id_}/{attempt}/{index}"
