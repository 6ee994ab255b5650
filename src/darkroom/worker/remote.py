"""Files that come and go by addresses that the server has signed, one for each try."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from darkroom.domain.errors import FilesUnavailable
from darkroom.ports.buckets import SignedFiles
from darkroom.protocol.messages import Granted, Job, Wants

ANSWER_SECONDS = 30.0
_NO_ADDRESS = "the server gave no address to store it at"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question to the server, on its way as long as there is a line."""

    wants: Wants
    answer: "asyncio.Future[str | None]"
    limit: asyncio.Timeout


class Remote:
    """Satisfies Keeper by signed addresses. One is good for one try; then another is asked for.

    Without a line to the server nothing is tried: the server may be where the files are, and an
    address that fails is used up. What was asked is asked again when there is one.

    Args:
        signed: what uses the addresses.
        send: asks the server.
        answer_seconds: how long its answer is waited for, with a line.
        retry_seconds: how long to wait after each failure to read; then it is given up.
    """

    def __init__(
        self,
        signed: SignedFiles,
        send: Callable[[Wants], None],
        *,
        answer_seconds: float = ANSWER_SECONDS,
        retry_seconds: Sequence[float] = (),
    ) -> None:
        self._signed = signed
        self._send = send
        self._answer_seconds = answer_seconds
        self._retry_seconds = retry_seconds
        self._urls: dict[str, str] = {}
        self._asked: dict[str, _Asked] = {}
        self._line = asyncio.Event()
        self._line.set()

    def disconnected(self) -> None:
        """The line is gone: wait for another one."""
        self._line.clear()
        for asked in self._asked.values():
            if not asked.limit.expired():
                asked.limit.reschedule(None)

    def connected(self) -> None:
        """There is a line: ask again what was asked before."""
        self._line.set()
        until = asyncio.get_running_loop().time() + self._answer_seconds
        for asked in self._asked.values():
            if not asked.limit.expired():
                asked.limit.reschedule(until)
                self._send(asked.wants)

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
        if asked is not None and not asked.answer.done():
            asked.answer.set_result(granted.url)

    async def put(self, key: str, data: bytes) -> None:
        """Store *data* at the address for *key*, asking for one if there is none yet.

        Raises:
            FilesUnavailable: it could not be stored, or no address was to be had.
        """
        await self._line.wait()
        url = self._urls.pop(key, None) or await self._ask(key)
        await self._signed.put(url, data)

    async def get(self, url: str) -> bytes:
        """The file at a signed address, with patience.

        Raises:
            FilesUnavailable: it cannot be had now.
            FileMissing: it is not there any more.
        """
        for seconds in self._retry_seconds:
            await self._line.wait()
            try:
                return await self._signed.get(url)
            except FilesUnavailable:
                await asyncio.sleep(seconds)
        await self._line.wait()
        return await self._signed.get(url)

    async def _ask(self, key: str) -> str:
        _, id_, attempt, index = key.split("/")
        wants = Wants(id_, int(attempt), int(index))
        try:
            async with asyncio.timeout(self._answer_seconds) as limit:
                answer = asyncio.get_running_loop().create_future()
                self._asked[key] = _Asked(wants, answer, limit)
                self._send(wants)
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
