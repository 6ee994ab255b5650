"""A program that has just used the object store ends in order, however soon."""

import subprocess
import sys

import pytest
from tests.support.buckets import S3Server

RUNS = 30
AT_ONCE = 3
PROGRAM = """
import asyncio, sys
from obstore.store import MemoryStore
from darkroom.blobs.objects import ObjectBlobs
from darkroom.blobs.s3 import open_bucket

async def main(url, endpoint):
    blobs = ObjectBlobs(open_bucket(url, endpoint=endpoint) if endpoint else MemoryStore())
    await asyncio.gather(*[blobs.put(f"predictions/p{n}/1/0", b"data") for n in range(8)])
    writer = blobs.writer("uploads/u1/0")
    await writer.add(bytes(9 * 2**20))
    await writer.finish()
    async for _piece in blobs.stream("predictions/p1/1/0", start=0, end=4):
        break
    if sys.argv[3] == "closed":
        await blobs.close()

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


@pytest.mark.parametrize("manner", ["closed", "left"])
@pytest.mark.parametrize("where", ["memory", "bucket"])
def test_thirty_runs_end_with_nought(moto: S3Server, where: str, manner: str) -> None:
    place = moto.place()
    endpoint = moto.endpoint if where == "bucket" else ""
    codes: list[int] = []
    for first in range(0, RUNS // 2, AT_ONCE):
        running = [
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM, f"{place}/{first + n}", endpoint, manner],
                env={"PATH": "/usr/bin", "PYTHONPATH": ":".join(sys.path), **moto.environment},
            )
            for n in range(AT_ONCE)
        ]
        codes += [one.wait(60) for one in running]
    assert codes == [0] * (RUNS // 2)
