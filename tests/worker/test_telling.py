"""What an attempt tells stays in order, leaves in few messages, and has limits."""

from darkroom.protocol.messages import Ended, FileFact, Gave, Said, Told
from darkroom.worker.telling import MAX_LINE_LETTERS, MAX_LOG_LETTERS, Telling

END = Ended("succeeded", None, "{}", 0.0)
FILE = Gave(0, FileFact(key="k", name="n", content_type="image/png", size_bytes=1, sha256="0" * 64))
STARTED, LATER = True, False


def told(started: bool, events: list[Said | Gave], ended: Ended | None) -> Told:  # noqa: FBT001  # named above
    return Told("p1", 2, started, events, ended)


def telling() -> Telling:
    return Telling(("p1", 2))


def test_nothing_to_tell_is_nothing() -> None:
    assert telling().empty
    assert telling().take(patient=False) is None


def test_the_start_leaves_at_once_and_once() -> None:
    one = telling()
    one.start()
    assert one.take(patient=True) == told(STARTED, [], None)
    assert one.take(patient=False) is None


def test_log_text_alone_waits_and_is_joined() -> None:
    one = telling()
    one.say("a\n")
    one.say("b\n")
    assert one.take(patient=True) is None
    assert not one.empty
    assert one.take(patient=False) == told(LATER, [Said("a\nb\n")], None)


def test_an_output_takes_the_log_before_it_along() -> None:
    one = telling()
    one.say("a\n")
    one.give(Gave(0, None, "1"))
    taken = one.take(patient=True)
    assert taken is not None
    assert taken.events == [Said("a\n"), Gave(0, None, "1")]


def test_what_follows_an_unstored_file_waits_for_it() -> None:
    one = telling()
    one.start()
    place = one.keep_place()
    one.give(Gave(1, None, "1"))
    assert one.take(patient=True) == told(STARTED, [], None)
    place.gave = FILE
    assert one.take(patient=True) == told(LATER, [FILE, Gave(1, None, "1")], None)


def test_a_run_that_is_over_is_told_in_one_message_once_its_files_are_stored() -> None:
    one = telling()
    one.start()
    place = one.keep_place()
    one.end(END)
    assert one.take(patient=True) is None
    place.gave = FILE
    assert one.take(patient=True) == told(STARTED, [FILE], END)


def test_impatience_tells_the_start_but_never_the_end_before_its_files() -> None:
    one = telling()
    one.start()
    one.keep_place()
    one.end(END)
    assert one.take(patient=False) == told(STARTED, [], None)
    one.drop_unstored()
    assert one.take(patient=True) == told(LATER, [], END)


def test_a_long_line_is_cut_and_its_end_is_kept() -> None:
    one = telling()
    one.say("x" * (MAX_LINE_LETTERS + 1) + "\nshort\n")
    taken = one.take(patient=False)
    assert taken is not None
    assert taken.events == [Said("x" * MAX_LINE_LETTERS + "…\nshort\n")]


def test_a_long_log_ends_with_one_line_that_says_so() -> None:
    one = telling()
    for _ in range(MAX_LOG_LETTERS // 1000 + 10):
        one.say("y" * 999 + "\n")
    taken = one.take(patient=False)
    assert taken is not None
    [said] = taken.events
    assert isinstance(said, Said)
    assert said.text.endswith("\n[the log is longer than 1 MiB; the rest is not kept]\n")
    assert len(said.text) < MAX_LOG_LETTERS + 100
