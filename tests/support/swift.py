"""OpenStack Swift with its S3 side, as four processes: another implementation, and a strict one.

It checks signatures and their expiry, which moto does not. Files lie in a folder of the test's.

Source: OpenStack Swift, `etc/*.conf-sample` and the documentation of `s3api`.
"""

import getpass
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx2
import obstore
from obstore.store import S3Store
from tests.support.buckets import S3Server, until_listening
from tests.support.ports import free_port

BUCKET = "darkroom"
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test:tester", "AWS_SECRET_ACCESS_KEY": "testing"}
_REGION = "us-east-1"
_STORES = ("account", "container", "object")
_PIPELINE = "catch_errors gatekeeper listing_formats s3api tempauth bulk slo symlink"
_RINGS = """
import sys
from swift.common.ring.builder import RingBuilder
for kind, port in zip(("account", "container", "object"), sys.argv[2:]):
    ring = RingBuilder(4, 1, 0)
    ring.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1, "ip": "127.0.0.1",
                  "port": int(port), "device": "d1"})
    ring.rebalance()
    ring.get_ring().save(f"{sys.argv[1]}/{kind}.ring.gz")
"""


@contextmanager
def swift_server(folder: Path) -> Generator[S3Server]:
    """A Swift of one's own on free ports of this machine, ended by its process ids."""
    (folder / "devices" / "d1").mkdir(parents=True)
    ports = {kind: free_port() for kind in (*_STORES, "proxy")}
    _write_settings(folder, ports)
    rings = [sys.executable, "-c", _RINGS, str(folder)]
    subprocess.run([*rings, *(str(ports[kind]) for kind in _STORES)], check=True)
    with ExitStack() as stack:
        started = [(stack.enter_context(_program(folder, kind)), ports[kind]) for kind in ports]
        for process, port in started:
            until_listening(process, port)
        endpoint = f"http://127.0.0.1:{ports['proxy']}"
        _make_bucket(endpoint)
        yield S3Server(f"s3://{BUCKET}", {**_CREDENTIALS, "AWS_ENDPOINT_URL": endpoint})


@contextmanager
def _program(folder: Path, kind: str) -> Generator["subprocess.Popen[bytes]"]:
    program = Path(sys.executable).parent / f"swift-{kind}-server"
    with (folder / f"{kind}.log").open("wb") as log:
        command = [str(program), str(folder / f"{kind}.conf"), "--verbose"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


def _write_settings(folder: Path, ports: dict[str, int]) -> None:
    (folder / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = test\n"
        "[storage-policy:0]\nname = one\ndefault = yes\n"
    )
    for kind, port in ports.items():
        lines = [
            "[DEFAULT]",
            f"swift_dir = {folder}",
            f"devices = {folder}/devices",
            f"user = {getpass.getuser()}",
            "mount_check = false",
            "bind_ip = 127.0.0.1",
            f"bind_port = {port}",
            "workers = 0",
            "log_level = WARNING",
            "log_address = /nowhere",
            "[pipeline:main]",
            f"pipeline = {_PIPELINE if kind == 'proxy' else ''} {kind}-server",
            f"[app:{kind}-server]",
            f"use = egg:swift#{kind}",
            *(["account_autocreate = true"] if kind == "proxy" else []),
            *(_filters() if kind == "proxy" else []),
        ]
        (folder / f"{kind}.conf").write_text("\n".join(lines))


def _filters() -> list[str]:
    own = {"s3api": f"location = {_REGION}", "tempauth": "user_test_tester = testing .admin"}
    return [
        line
        for name in _PIPELINE.split()
        for line in (f"[filter:{name}]", f"use = egg:swift#{name}", own.get(name, ""))
    ]


def _make_bucket(endpoint: str) -> None:
    """Through an address signed for a store whose keys begin with the bucket's name."""
    above = S3Store(
        BUCKET,
        config={
            "endpoint": endpoint,
            "region": _REGION,
            "access_key_id": _CREDENTIALS["AWS_ACCESS_KEY_ID"],
            "secret_access_key": _CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            "virtual_hosted_style_request": True,
        },
        client_options={"allow_http": True},
    )
    url = obstore.sign(above, "PUT", BUCKET, timedelta(minutes=1))
    httpx2.put(url, trust_env=False).raise_for_status()
