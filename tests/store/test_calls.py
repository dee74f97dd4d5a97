from __future__ import annotations

import threading
from pathlib import Path

import pytest

from trex_nb.core.chat import CallRecord, ChatReply, ChatRequest, Message
from trex_nb.core.ids import StudyId
from trex_nb.errors import StoreError
from trex_nb.store.artifacts import StudyFolder
from trex_nb.store.calls import CallLog


def record(call: str, text: str = "Hi.") -> CallRecord:
    asked = ChatRequest(asker="writer", purpose="rows", messages=(Message(role="user", content='"id":"c2" \u2028 ü'),))
    return CallRecord(id=call, time=1.5, endpoint="http://localhost/v1", asked=asked, reply=ChatReply(text=text))


@pytest.fixture
def log(tmp_path: Path) -> CallLog:
    return CallLog(StudyFolder.of(tmp_path, StudyId("s")).calls)


def test_what_is_appended_is_read_in_order(log: CallLog) -> None:
    assert list(log.read()) == []
    log.append(record("c1"))
    log.append(record("c2", "line\nbreak"))
    assert [r.id for r in CallLog(log.path).read()] == ["c1", "c2"]
    assert list(log.read())[1] == record("c2", "line\nbreak")


def test_calls_are_found_by_their_ids_alone(log: CallLog) -> None:
    for call in ("c1", "c2", "c22", "c3"):
        log.append(record(call))
    assert [r.id for r in log.read({"c2", "c3", "c9"})] == ["c2", "c3"]
    assert list(log.read(())) == []


def test_a_line_that_a_crash_cut_short_is_passed_over_and_spoils_no_other(log: CallLog) -> None:
    log.append(record("c1"))
    with log.path.open("ab") as file:
        file.write(b'{"id":"c2","time":')
    log.append(record("c3"))
    assert [r.id for r in log.read()] == ["c1", "c3"]


def test_threads_write_whole_lines(log: CallLog) -> None:
    threads = [threading.Thread(target=log.append, args=(record(f"c{i}", "x" * 10_000),)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {r.id for r in log.read()} == {f"c{i}" for i in range(20)}


def test_text_that_is_no_unicode_is_kept_as_far_as_it_goes(log: CallLog) -> None:
    log.append(record("c1", "half \ud83d of it"))
    (kept,) = log.read()
    assert kept.reply is not None
    assert kept.reply.text == "half ? of it"


def test_a_place_that_cannot_be_written_is_told_in_two_lines(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = CallLog(tmp_path / "file" / "calls.jsonl")
    with pytest.raises(StoreError, match="cannot be written"):
        log.append(record("c1"))


def test_a_place_that_cannot_be_read_is_told_in_two_lines(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        list(CallLog(tmp_path).read())
