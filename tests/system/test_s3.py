"""A real server and worker with their files in a bucket, and a bucket that misbehaves."""

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import obstore
import pytest
from obstore.store import S3Store
from tests.support.buckets import BreakingProxy, S3Server, moto_server
from tests.support.pictures import data_url, png
from tests.support.processes import Server
from tests.support.remote import RemoteWorker, token

from darkroom.blobs.objects import listing
from darkroom.blobs.s3 import open_bucket


@pytest.fixture(scope="module")
def moto() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.fixture
def proxy(moto: S3Server) -> Iterator[BreakingProxy]:
    proxy = BreakingProxy(moto.address)
    yield proxy
    proxy.close()


@pytest.fixture
def place(moto: S3Server) -> str:
    return moto.place()


@pytest.fixture
def server(moto: S3Server, proxy: BreakingProxy, place: str, tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path, files_url=place, files_endpoint=proxy.endpoint)
    made.environment.update({k: v for k, v in moto.environment.items() if "ENDPOINT" not in k})
    with made as running:
        yield running


@pytest.fixture
def bucket(moto: S3Server, place: str, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    for name, value in moto.environment.items():
        monkeypatch.setenv(name, value)
    return open_bucket(place, endpoint=moto.endpoint)


def keys(bucket: S3Store) -> list[str]:
    return [one["path"] for page in listing(bucket, "predictions") for one in page]


def rows(server: Server) -> list[tuple[str, str]]:
    """Key and digest of every file that a row names."""
    path = server.folder / "data" / "darkroom.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        asked = "select store_key, sha256 from items where store_key is not null"
        found = cast("list[tuple[str, str]]", connection.execute(asked).fetchall())
    connection.close()
    return found


def test_a_picture_goes_through_the_bucket_and_no_folder(server: Server, bucket: S3Store) -> None:
    picture = png() + bytes(30_000)  # long enough to be spooled
    shown = server.create("darkroom/echo", {"image": data_url(picture)}, Prefer="wait")
    assert shown["status"] == "succeeded", shown
    stored = server.get(shown["id"])
    answer = server.client.get(cast("str", stored["output"]))
    assert answer.content == picture
    part = server.client.get(cast("str", stored["output"]), headers={"Range": "bytes=4-9"})
    assert (part.status_code, part.content) == (206, picture[4:10])

    assert sorted(keys(bucket)) == [f"predictions/{shown['id']}/{n}/0" for n in (0, 1)]
    assert [one for one in (server.folder / "data" / "files").rglob("*") if one.is_file()] == []


def test_an_upload_in_parts_is_read_as_an_input(server: Server) -> None:
    picture = png() + bytes(20 * 2**20)
    answer = server.client.post("/v1/files", files={"content": ("a.png", picture, "image/png")})
    assert answer.status_code == 201, answer.text
    url = answer.json()["urls"]["get"]
    shown = server.create("darkroom/echo", {"image": url}, Prefer="wait")
    assert shown["status"] == "succeeded", shown
    output = server.client.get(cast("str", server.get(shown["id"])["output"]))
    assert hashlib.sha256(output.content).digest() == hashlib.sha256(picture).digest()


def test_a_worker_and_its_hosts_hold_no_credentials(server: Server, moto: S3Server) -> None:
    server.create("darkroom/echo", {"image": data_url(png())}, Prefer="wait")
    secret = moto.environment["AWS_SECRET_ACCESS_KEY"].encode()
    below = [pid for pid in server.family() if pid != server.pid]
    assert below
    for pid in below:
        assert secret not in Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.fault(22)
@pytest.mark.parametrize("fault", ["error", "reset"])
def test_an_upload_that_breaks_is_tried_again(
    server: Server, proxy: BreakingProxy, bucket: S3Store, fault: str
) -> None:
    proxy.faults = [fault, fault]
    picture = png()
    shown = server.create("darkroom/echo", {"image": data_url(picture)}, Prefer="wait")
    assert shown["status"] == "succeeded", shown
    assert (proxy.puts, proxy.faults) == (3, [])
    [(key, sha256)] = rows(server)
    assert hashlib.sha256(bytes(obstore.get(bucket, key).bytes())).hexdigest() == sha256


@pytest.mark.fault(22)
@pytest.mark.parametrize(
    ("fault", "told"), [("error", "HTTP 503 (SlowDown)"), ("reset", "broke off the connection")]
)
def test_a_bucket_that_never_takes_a_file_fails_the_prediction_with_the_true_reason(
    server: Server, proxy: BreakingProxy, bucket: S3Store, fault: str, told: str
) -> None:
    proxy.always = fault
    shown = server.create("darkroom/echo", {"image": data_url(png())}, Prefer="wait")
    assert (shown["status"], shown["output"]) == ("failed", None)
    assert told in cast("str", shown["error"])
    assert (rows(server), keys(bucket)) == ([], [])

    proxy.always = None
    after = server.create("darkroom/echo", {"image": data_url(png())}, Prefer="wait")
    assert after["status"] == "succeeded", after


def test_an_ended_prediction_takes_its_files_from_the_bucket(
    moto: S3Server, place: str, bucket: S3Store, tmp_path: Path
) -> None:
    server = Server(tmp_path, files_url=place, files_endpoint=moto.endpoint, retention="1s")
    server.environment.update(moto.environment)
    with server:
        shown = server.create("darkroom/echo", {"image": data_url(png())}, Prefer="wait")
        assert keys(bucket)
        while server.get(shown["id"])["data_removed"] is not True:
            pass  # each question goes to the server and takes its time
        assert keys(bucket) == []
        assert server.stop() == 0


def test_a_bucket_that_is_not_there_is_told_at_the_start(moto: S3Server, tmp_path: Path) -> None:
    server = Server(tmp_path, files_url="s3://nobody", files_endpoint=moto.endpoint)
    server.environment.update(moto.environment)
    with pytest.raises(AssertionError, match="there is no bucket 'nobody'"):
        server.start()


def test_a_worker_elsewhere_goes_to_the_bucket_by_itself(
    moto: S3Server, place: str, bucket: S3Store, tmp_path: Path
) -> None:
    (tmp_path / "server").mkdir()
    server = Server(tmp_path / "server", files_url=place, files_endpoint=moto.endpoint, workers="0")
    server.environment.update({k: v for k, v in moto.environment.items() if "ENDPOINT" not in k})
    with server, RemoteWorker(tmp_path / "worker", server.url, token(server)["key"]) as worker:
        assert "AWS_SECRET_ACCESS_KEY" not in worker.environment
        shown = server.ended(server.create("darkroom/echo", {"image": data_url(png(90, 90))}))

        assert shown["status"] == "succeeded", shown
        assert server.client.get(cast("str", shown["output"])).content == png(90, 90)
        assert f"predictions/{shown['id']}/1/0" in keys(bucket)
        assert not list((tmp_path / "server").rglob("predictions"))
