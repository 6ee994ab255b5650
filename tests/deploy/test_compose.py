"""compose.yaml: valid by its specification, and its parts fit one another."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.deployment import (
    CADDYFILE,
    COMPOSE,
    LAST_SECONDS,
    ROOT,
    at,
    documents,
    instructions,
    items,
    mapping,
    program,
    run,
)

from darkroom.domain import durations
from darkroom.settings import Settings

CUDA = ROOT / "compose.cuda.yaml"
SERVERS = ("server-1", "server-2")
SCHEMA = ("--builtin-schema", "vendor.compose-spec")
(TREE,) = documents(COMPOSE)
NAMED = re.compile(r"\$\{([A-Z0-9_]+)")


def test_both_files_keep_to_the_specification_of_compose() -> None:
    done = run(program("check-jsonschema"), *SCHEMA, COMPOSE, CUDA)

    assert done.returncode == 0, done.stdout


def test_a_fault_would_be_told(tmp_path: Path) -> None:
    bad = tmp_path / "compose.yaml"
    bad.write_text(COMPOSE.read_text("utf-8").replace("healthcheck:", "healtcheck:"))

    assert "healtcheck" in run(program("check-jsonschema"), *SCHEMA, bad).stdout


@pytest.mark.parametrize("path", [COMPOSE, CUDA], ids=lambda path: path.name)
def test_each_image_that_is_built_is_a_target_of_the_dockerfile(path: Path) -> None:
    targets = {one.stage for one in instructions()}
    (tree,) = documents(path)
    built = [
        (str(mapping(one)["image"]), str(at(one, "build", "target")))
        for one in mapping(tree, "services").values()
        if "build" in mapping(one)
    ]

    assert built
    assert all(target in targets and image == f"darkroom:{target}" for image, target in built)


def test_each_image_that_is_fetched_has_a_version() -> None:
    images = [str(mapping(one)["image"]) for one in mapping(TREE, "services").values()]

    assert [image for image in images if image.endswith(":latest") or ":" not in image] == []


def test_no_two_servers_share_a_data_directory() -> None:
    data = [items(TREE, "services", name, "volumes")[0] for name in SERVERS]

    assert data == [f"{name}:/data" for name in SERVERS]


@pytest.mark.parametrize("name", [*SERVERS, "worker"])
def test_each_program_has_time_to_end_in_order(name: str) -> None:
    grace = durations.milliseconds(str(at(TREE, "services", name, "stop_grace_period")))
    drain = float(str(Settings.model_fields["drain_seconds"].default))

    assert grace is not None
    assert grace >= (drain + LAST_SECONDS) * 1000


def test_the_proxy_sends_to_the_servers_and_asks_whether_they_are_ready() -> None:
    text = CADDYFILE.read_text("utf-8")
    upstreams = re.findall(r"(\S+):(\d+)(?= )", text.partition("reverse_proxy")[2])

    assert upstreams == [(name, str(Settings.model_fields["port"].default)) for name in SERVERS]
    assert set(SERVERS) < set(mapping(TREE, "services"))
    assert "health_uri /readyz" in text


def test_the_example_of_the_environment_names_all_that_is_read_from_it() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    named = set(re.findall(r"^(?:# )?([A-Z0-9_]+)=", example, re.MULTILINE))
    passed = {name for name, value in mapping(TREE, "x-environment").items() if value is None}

    assert named == passed | set(NAMED.findall(COMPOSE.read_text("utf-8")))


def test_what_must_be_filled_in_has_no_value_in_the_example() -> None:
    must = set(re.findall(r"\$\{([A-Z0-9_]+):\?", COMPOSE.read_text("utf-8")))
    example = (ROOT / ".env.example").read_text("utf-8").splitlines()

    assert must
    assert {f"{name}=" for name in must} <= set(example)


def test_the_second_file_gives_the_gpu_to_the_worker_alone() -> None:
    (changes,) = documents(CUDA)
    given = mapping(changes, "services")

    assert list(given) == ["worker"]
    assert items(given, "worker", "deploy", "resources", "reservations", "devices")


def test_workers_come_by_a_name_and_a_token_that_every_server_takes() -> None:
    worker = mapping(TREE, "services", "worker")
    shared = mapping(TREE, "x-environment")
    url = urlsplit(str(at(worker, "environment", "DARKROOM_URL")))
    aliases = [items(TREE, "services", name, "networks", "default", "aliases") for name in SERVERS]

    assert worker["command"] == ["worker"]
    assert aliases == [[url.hostname]] * len(SERVERS)
    assert shared["DARKROOM_ALLOWED_HOSTS"] == url.hostname
    assert url.port == Settings.model_fields["port"].default
    assert at(worker, "environment", "DARKROOM_TOKEN") == shared["DARKROOM_WORKER_TOKEN"]
    assert shared["DARKROOM_WORKERS"] == "0"


def test_any_number_of_workers_may_run() -> None:
    worker = mapping(TREE, "services", "worker")

    assert {"ports", "container_name", "hostname"} & set(worker) == set()
    assert items(worker, "volumes")[0] == "/data"  # a new volume for each
    assert at(worker, "healthcheck", "disable") is True  # the image's asks a server


def test_the_bucket_is_made_in_the_folder_that_the_store_serves() -> None:
    store, bucket = mapping(TREE, "services", "store"), mapping(TREE, "services", "bucket")
    name = str(at(TREE, "x-environment", "DARKROOM_FILES_URL")).removeprefix("s3://")
    folder = at(store, "environment", "VGW_BACKEND_ARGS")

    assert bucket["entrypoint"] == ["mkdir", "-p", f"{folder}/{name}"]
    assert bucket["volumes"] == store["volumes"] == [f"objects:{folder}"]
