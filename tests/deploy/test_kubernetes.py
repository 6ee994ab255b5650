"""The Kubernetes manifests: valid by Kubernetes' schemas, and they fit the image and the server."""

import json
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

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
OVERLAYS = [KUBERNETES / name for name in ("cpu", "cuda", "pools/large")]
MANIFESTS = [
    BASE / name for name in ("servers.yaml", "services.yaml", "disruption.yaml", "network.yaml")
]
OBJECTS = [mapping(one) for path in MANIFESTS for one in documents(path)]
(SERVERS,) = [one for one in OBJECTS if one["kind"] == "StatefulSet"]
NETWORK = [one for one in OBJECTS if one["kind"] == "NetworkPolicy"]
POOL = [mapping(one) for one in documents(KUBERNETES / "workers" / "workers.yaml")]
(WORKERS, SPARED) = POOL
POD, WORKER_POD = (mapping(one, "spec", "template", "spec") for one in (SERVERS, WORKERS))
SERVER, WORKER = (mapping(pod, "containers", 0) for pod in (POD, WORKER_POD))
PODS = pytest.mark.parametrize("pod", [POD, WORKER_POD], ids=["server", "worker"])
KEDA = "keda.sh/v1alpha1"
RELEASES = ("1.30", kubernetes_validate.latest_version())
KUBECTL = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


@pytest.mark.parametrize("release", RELEASES)
def test_each_object_is_valid(release: str) -> None:
    kinds = [str(one["kind"]) for one in (*OBJECTS, *POOL)]
    for one in (*OBJECTS, *POOL):
        kubernetes_validate.validate(one, release, strict=True)

    assert kinds == [
        *("StatefulSet", "Service", "Service", "PodDisruptionBudget"),
        *("NetworkPolicy", "NetworkPolicy", "Deployment", "PodDisruptionBudget"),
    ]


@pytest.mark.parametrize(("tree", "known"), [(SERVERS, "replicas"), (NETWORK[0], "policyTypes")])
def test_a_fault_would_be_told(tree: dict[str, object], known: str) -> None:
    spec = mapping(tree, "spec")
    bad = {**tree, "spec": {**spec, f"{known}X": spec[known]}}
    with pytest.raises(kubernetes_validate.ValidationError, match=f"{known}X"):
        kubernetes_validate.validate(bad, RELEASES[-1], strict=True)


@KUBECTL
@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda path: path.name)
def test_kustomize_puts_them_together(folder: Path) -> None:
    built = put_together(folder)
    for one in built:
        if one["apiVersion"] != KEDA:
            kubernetes_validate.validate(one, RELEASES[-1], strict=True)

    workers = one_of(built, "Deployment")
    worker = mapping(workers, "spec", "template", "spec", "containers", 0)
    kind = "cpu" if folder.name == "cpu" else "cuda"
    assert str(worker["image"]).endswith(f"/darkroom:{kind}")
    assert ("nvidia.com/gpu" in mapping(worker, "resources", "limits")) == (kind == "cuda")
    assert (
        at(one_of(built, "ScaledObject"), "spec", "scaleTargetRef", "name")
        == mapping(workers, "metadata")["name"]
    )


@KUBECTL
@pytest.mark.parametrize("folder", OVERLAYS[:2], ids=lambda path: path.name)
def test_servers_are_put_together_with_their_settings(folder: Path) -> None:
    built = put_together(folder)
    pod = mapping(one_of(built, "StatefulSet"), "spec", "template", "spec")

    assert str(at(pod, "containers", 0, "image")).endswith("/darkroom:cpu")
    assert at(pod, "volumes", 0, "configMap", "name") == at(
        one_of(built, "ConfigMap"), "metadata", "name"
    )


@KUBECTL
def test_another_pool_has_a_token_a_query_and_pods_of_its_own() -> None:
    built = put_together(KUBERNETES / "pools" / "large")
    workers, scaled = one_of(built, "Deployment"), one_of(built, "ScaledObject")
    token = at(workers, "spec", "template", "spec", "containers", 0, "env", 1)
    selector = mapping(workers, "spec", "selector", "matchLabels")
    query = str(at(scaled, "spec", "triggers", 0, "metadata", "query"))

    assert at(token, "name") == "DARKROOM_TOKEN"
    assert at(token, "valueFrom", "secretKeyRef", "name") == "darkroom-worker-large"
    assert query.split("'")[1::2] == ["large"]
    assert at(scaled, "spec", "triggers", 0, "authenticationRef", "name") == at(
        one_of(built, "TriggerAuthentication"), "metadata", "name"
    )
    assert selector["app.kubernetes.io/instance"] == "large"
    assert selector == at(one_of(built, "PodDisruptionBudget"), "spec", "selector", "matchLabels")
    assert {**selector, "app.kubernetes.io/instance": "default"} == at(
        WORKERS, "spec", "selector", "matchLabels"
    )


def test_what_is_put_together_is_all_that_is_there() -> None:
    (kustomization,) = documents(BASE / "kustomization.yaml")

    assert [BASE / str(name) for name in items(kustomization, "resources")] == MANIFESTS


def test_the_settings_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_CONFIG", str(BASE / "darkroom.yaml"))
    read = settings.load({})
    paths = {str(at(one, "mountPath")) for one in items(SERVER, "volumeMounts")}

    assert str(read.data_dir) in paths
    assert read.workers == 0  # they are pods of their own
    assert read.host == "0.0.0.0"  # noqa: S104  # a pod is reached by its address
    assert at(SERVER, "ports", 0, "containerPort") == read.port


@PODS
def test_a_pod_is_the_images_user_and_changes_nothing_of_the_image(pod: dict[str, object]) -> None:
    (user,) = [one.rest for one in instructions() if one.word == "USER"]
    context = mapping(pod, "securityContext")
    container = mapping(pod, "containers", 0, "securityContext")

    assert user == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert context["fsGroup"] == context["runAsGroup"]
    assert context["runAsNonRoot"] is True
    assert container["allowPrivilegeEscalation"] is False
    assert container["readOnlyRootFilesystem"] is True


def test_the_probes_ask_for_paths_that_there_are() -> None:
    health = json.loads((ROOT / "src/darkroom/http/openapi/health.json").read_text("utf-8"))
    asked = {
        name: at(SERVER, name, "httpGet", "path")
        for name in ("startupProbe", "readinessProbe", "livenessProbe")
    }

    assert set(asked.values()) <= set(mapping(health, "paths"))
    assert asked["readinessProbe"] == "/readyz"  # alone: a restart helps no worker to come


@PODS
def test_a_pod_has_time_to_end_in_order(pod: dict[str, object]) -> None:
    drain = float(str(Settings.model_fields["drain_seconds"].default))

    assert float(str(pod["terminationGracePeriodSeconds"])) >= drain + LAST_SECONDS


@PODS
def test_no_service_can_set_the_port(pod: dict[str, object]) -> None:
    assert "darkroom" in service_names()  # Kubernetes would make DARKROOM_PORT of it
    assert pod["enableServiceLinks"] is False


def test_workers_come_by_a_name_that_servers_answer_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_CONFIG", str(BASE / "darkroom.yaml"))
    url = urlsplit(str(mapping(WORKER, "env", 0)["value"]))

    assert url.hostname in service_names()
    assert url.hostname in settings.load({}).allowed_hosts
    assert (url.port or 80) == at(service("darkroom"), "spec", "ports", 0, "port")


def test_servers_and_workers_of_the_first_pool_share_a_token() -> None:
    def token(container: dict[str, object], name: str) -> object:
        (found,) = [one for one in items(container, "env") if at(one, "name") == name]
        return at(found, "valueFrom", "secretKeyRef")

    assert token(SERVER, "DARKROOM_WORKER_TOKEN") == token(WORKER, "DARKROOM_TOKEN")


def test_servers_and_keda_alone_reach_the_database_and_workers_the_servers() -> None:
    database, workers = (mapping(one, "spec") for one in NETWORK)
    labels = mapping(SERVERS, "spec", "template", "metadata", "labels")
    (to_database,) = items(database, "ingress")
    servers, names, public = items(workers, "egress")
    refused = {
        str(net) for block in items(public, "to") for net in items(block, "ipBlock", "except")
    }

    assert database["policyTypes"] == ["Ingress"]
    assert at(to_database, "from", 0, "podSelector", "matchLabels") == labels
    assert at(to_database, "from", 1, "namespaceSelector", "matchLabels") == {
        "kubernetes.io/metadata.name": "keda"
    }
    assert set(mapping(workers, "podSelector", "matchLabels").items()) < set(
        mapping(WORKERS, "spec", "template", "metadata", "labels").items()
    )
    assert at(servers, "to", 0, "podSelector", "matchLabels") == labels
    assert at(servers, "ports", 0, "port") == at(SERVER, "ports", 0, "containerPort")
    assert {at(port, "port") for port in items(names, "ports")} == {53}
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"} <= refused


def test_what_belongs_to_the_servers_selects_them() -> None:
    labels = at(SERVERS, "spec", "template", "metadata", "labels")
    selectors = [
        at(one, "spec", "selector", "matchLabels")
        if "matchLabels" in mapping(one, "spec", "selector")
        else at(one, "spec", "selector")
        for one in OBJECTS
        if one["kind"] != "NetworkPolicy"
    ]

    assert selectors == [labels] * 4
    assert at(SERVERS, "spec", "serviceName") in service_names()


def test_the_page_tells_how_to_make_each_secret() -> None:
    page = (ROOT / "docs" / "deploying" / "cluster.md").read_text("utf-8").replace("\\\n", "")
    made = {
        (name, key)
        for name, words in re.findall(r"^kubectl create secret generic (\S+)(.*)$", page, re.M)
        for key in re.findall(r"--from-literal=([a-z-]+)=", words)
    }
    variables = [mapping(one) for pod in (SERVER, WORKER) for one in items(pod, "env")]
    secret = [mapping(one, "valueFrom", "secretKeyRef") for one in variables if "valueFrom" in one]
    (_, scaler) = documents(KUBERNETES / "keda" / "scaling.yaml")
    secret += [mapping(one) for one in items(scaler, "spec", "secretTargetRef")]

    assert made == {(one["name"], one["key"]) for one in secret if "optional" not in one}


def service(name: str) -> dict[str, object]:
    (found,) = [one for one in OBJECTS if one["kind"] == "Service" and named(one) == name]
    return found


def service_names() -> set[str]:
    return {named(one) for one in OBJECTS if one["kind"] == "Service"}


def named(tree: dict[str, object]) -> str:
    return str(at(tree, "metadata", "name"))


def put_together(folder: Path) -> list[dict[str, object]]:
    """What `kubectl apply -k` would send."""
    done = run("kubectl", "kustomize", folder)
    assert done.returncode == 0, done.stdout
    return [mapping(one) for one in yaml.safe_load_all(done.stdout)]


def one_of(built: list[dict[str, object]], kind: str) -> dict[str, object]:
    (found,) = [one for one in built if one["kind"] == kind]
    return found
