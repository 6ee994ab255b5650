"""One message of each kind that protocol 1 has, with the fields that it has there."""

from collections.abc import Mapping

from darkroom.protocol import messages as m

FIELD = m.FieldSpec(name="prompt", type="string", default="a word")
VERSION = m.VersionSpec(
    id="5c7d5dc6",
    model="darkroom/echo",
    kind="echo",
    fields=[FIELD, m.FieldSpec(name="image", type="file")],
    output="file",
    concurrency=64,
    pixels=False,
    config={"size": "7"},
)
FACT = m.FileFact(
    key="predictions/p1/1/0",
    name="out-0.png",
    content_type="image/png",
    size_bytes=3,
    sha256="ab" * 32,
)
REF = m.FileRef(path=["image"], key="predictions/p1/0/0", url="https://files.example/1")
ENDED = m.Ended("succeeded", None, '{"image_count": 1}', 0.25)
FILES: dict[str, m.Bytes | m.Pixels] = {
    "image": m.Bytes("image/png", b"\x89PNG"),
    "mask": m.Pixels("/run/mask", 8, 4),
}

TO_SERVER: Mapping[str, m.ToServer] = {
    "Hello": m.Hello(1, "local-1", 1_790_000_000_000, "", {"echo": 64, "diffusers": 1}),
    "Beat": m.Beat([("p1", 1), ("p2", 3)], ["5c7d5dc6"]),
    "Draining": m.Draining(),
    "Told": m.Told("p1", 1, True, [m.Said("a line\n"), m.Gave(0, file=FACT)], ENDED),  # noqa: FBT003
    "Wants": m.Wants("p1", 1, 4),
    "Ask": m.Ask("keys.list", "{}"),
}
TO_WORKER: Mapping[str, m.ToWorker] = {
    "Welcome": m.Welcome(1, 2.0),
    "Know": m.Know(VERSION),
    "Job": m.Job("p1", 1, "5c7d5dc6", '{"prompt": "x"}', [REF], ["https://files.example/2"]),
    "Stop": m.Stop("p1", 1),
    "Granted": m.Granted("p1", 1, 4, "https://files.example/3"),
    "Drain": m.Drain(30.0),
    "Answer": m.Answer("[]", None),
}
TO_HOST: Mapping[str, m.ToHost] = {
    "Load": m.Load(VERSION),
    "Unload": m.Unload("5c7d5dc6"),
    "Run": m.Run("p1", 1, "5c7d5dc6", {"prompt": "x", "seed": 7, "scale": 0.5}, FILES),
    "Cancel": m.Cancel("p1", 1),
}
FROM_HOST: Mapping[str, m.FromHost] = {
    "Loaded": m.Loaded("5c7d5dc6"),
    "NotLoaded": m.NotLoaded("5c7d5dc6", "no weights"),
    "Entered": m.Entered("p1", 1),
    "Logged": m.Logged("p1", 1, "a line\n"),
    "Output": m.Output("p1", 1, 0, "out-0.png", "image/png", b"\x89PNG", None),
    "Over": m.Over("p1", 1, "failed", "it broke", "{}", 0.25),
}
