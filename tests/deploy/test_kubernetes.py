"""The Kubernetes manifests: valid by Kubernetes' schemas, and they fit the image and the server."""

import json
import re
import shutil
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from tests.support.deployment import (
    KUBERNETES,
    LAST_SECONDS,
    ROOT,
    at,
    documents,
    instructions,
    items,
    mapping,
    run,
)

from darkroom import settings
from darkroom.settings import Settings

BASE = KUBERNETES / "base"
CUDA = KUBERNETES / "cuda"
MANIFESTS = [BASE / name for name in ("servers.yaml", "services.yaml", "disruption.yaml")]
OBJECTS = [mapping(one) for path in MANIFESTS for one in documents(path)]
(SERVERS,) = [one for one in OBJECTS if one["kind"] == "StatefulSet"]
POD = mapping(SERVERS, "spec", "template", "spec")
SERVER = mapping(POD, "containers", 0)
RELEASES = ("1.30", kubernetes_validate.latest_version())
KUBECTL = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


@pytest.mark.parametrize("release", RELEASES)
def test_each_object_is_valid(release: str) -> None:
    kinds = [str(one["kind"]) for one in OBJECTS]
    for one in OBJECTS:
        kubernetes_validate.validate(one, release, strict=True)

    assert kinds == ["StatefulSet", "Service", "Service", "PodDisruptionBudget"]


def test_a_fault_would_be_told() -> None:
    bad = {**SERVERS, "spec": {**mapping(SERVERS, "spec"), "replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(bad, RELEASES[-1], strict=True)


@KUBECTL
@pytest.mark.parametrize("folder", [BASE, CUDA], ids=lambda path: path.name)
def test_kustomize_puts_them_together(folder: Path) -> None:
    done = run("kubectl", "kustomize", folder)
    assert done.returncode == 0, done.stdout
    built = [mapping(one) for one in yaml.safe_load_all(done.stdout)]
    for one in built:
        kubernetes_validate.validate(one, RELEASES[-1], strict=True)

    (servers,) = [one for one in built if one["kind"] == "StatefulSet"]
    server = mapping(servers, "spec", "template", "spec", "containers", 0)
    assert str(server["image"]).endswith("/darkroom:cuda" if folder == CUDA else "/darkroom:cpu")
    assert ("nvidia.com/gpu" in mapping(server, "resources", "limits")) == (folder == CUDA)
    (made,) = [one for one in built if one["kind"] == "ConfigMap"]
    assert at(servers, "spec", "template", "spec", "volumes", 0, "configMap", "name") == at(
        made, "metadata", "name"
    )


def test_what_is_put_together_is_all_that_is_there() -> None:
    (kustomization,) = documents(BASE / "kustomization.yaml")

    assert [BASE / str(name) for name in items(kustomization, "resources")] == MANIFESTS


def test_the_settings_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_CONFIG", str(BASE / "darkroom.yaml"))
    read = settings.load({})
    paths = {str(at(one, "mountPath")) for one in items(SERVER, "volumeMounts")}

    assert str(read.data_dir) in paths
    assert read.host == "0.0.0.0"  # noqa: S104  # a pod is reached by its address
    assert at(SERVER, "ports", 0, "containerPort") == read.port


def test_the_pod_is_the_images_user() -> None:
    (user,) = [one.rest for one in instructions() if one.word == "USER"]
    context = mapping(POD, "securityContext")

    assert user == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert context["fsGroup"] == context["runAsGroup"]
    assert context["runAsNonRoot"] is True
    assert at(SERVER, "securityContext", "allowPrivilegeEscalation") is False


def test_the_probes_ask_for_paths_that_there_are() -> None:
    health = json.loads((ROOT / "src/darkroom/http/openapi/health.json").read_text("utf-8"))
    asked = {
        name: at(SERVER, name, "httpGet", "path")
        for name in ("startupProbe", "readinessProbe", "livenessProbe")
    }

    assert set(asked.values()) <= set(mapping(health, "paths"))
    assert asked["readinessProbe"] == "/readyz"  # alone: a restart helps no worker to come


def test_a_server_has_time_to_end_in_order() -> None:
    drain = float(str(Settings.model_fields["drain_seconds"].default))

    assert float(str(POD["terminationGracePeriodSeconds"])) >= drain + LAST_SECONDS


def test_no_service_can_set_the_port() -> None:
    services = [at(one, "metadata", "name") for one in OBJECTS if one["kind"] == "Service"]

    assert "darkroom" in services  # Kubernetes would make DARKROOM_PORT of it
    assert POD["enableServiceLinks"] is False


def test_all_select_the_same_pods() -> None:
    labels = at(SERVERS, "spec", "template", "metadata", "labels")
    selectors = [
        at(one, "spec", "selector", "matchLabels")
        if "matchLabels" in mapping(one, "spec", "selector")
        else at(one, "spec", "selector")
        for one in OBJECTS
    ]

    assert selectors == [labels] * len(OBJECTS)
    assert at(SERVERS, "spec", "serviceName") in [at(one, "metadata", "name") for one in OBJECTS]


def test_the_page_tells_how_to_make_each_secret() -> None:
    page = (ROOT / "docs" / "deploying.md").read_text("utf-8")
    told = set(re.findall(r"--from-literal=([a-z-]+)=", page))
    asked = {
        str(at(one, "valueFrom", "secretKeyRef", "key")): mapping(one, "valueFrom", "secretKeyRef")
        for one in items(SERVER, "env")
        if "valueFrom" in mapping(one)
    }

    assert {str(one["name"]) for one in asked.values()} == {"darkroom"}
    assert told == {key for key, one in asked.items() if "optional" not in one}
