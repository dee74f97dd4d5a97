from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chat.asking import KEY, endpoint
from trex_nb.chat.secret import HIDDEN, NO_KEY, Keys, Secret, Veil, host_of, is_own, place_of, require_address
from trex_nb.errors import ChatError

AWAY = endpoint("https://api.example.com/v1")


def test_a_secret_is_not_shown() -> None:
    assert KEY not in f"{Secret(KEY)!r} {Secret(KEY)} {Keys({'PLANTED_KEY': KEY})!r}"


def test_a_word_that_serves_as_a_key_is_not_hidden_everywhere() -> None:
    assert Secret("EMPTY").hide("It is EMPTY.") == "It is EMPTY."


@given(st.lists(st.sampled_from([KEY, KEY[:5], KEY[5:], KEY[:-1], "sk-", "sk", "s", "f", " and ", "x"])), st.data())
def test_a_secret_that_comes_in_pieces_is_hidden_and_nothing_else_is_lost(
    parts: list[str], data: st.DataObject
) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    veil = Veil(Secret(KEY))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    shown = "".join([*map(veil.through, pieces), veil.rest()])
    assert shown == text.replace(KEY, HIDDEN)


def test_a_key_is_read_when_it_is_needed() -> None:
    environ = {"PLANTED_KEY": " one\n"}
    keys = Keys(environ)
    assert keys.of(AWAY).text == "one"
    environ["PLANTED_KEY"] = "two"
    assert keys.of(AWAY).text == "two"


@pytest.mark.parametrize("found", [{}, {"PLANTED_KEY": ""}, {"PLANTED_KEY": " "}, {"OTHER": KEY}])
def test_a_key_that_is_not_there_is_named(found: dict[str, str]) -> None:
    with pytest.raises(ChatError, match="PLANTED_KEY"):
        Keys(found).of(AWAY)
    assert Keys(found).of(endpoint("http://localhost/v1")).text == NO_KEY


def test_a_server_may_be_said_to_need_no_key() -> None:
    assert Keys({"": "x", "OPENAI_API_KEY": "y"}).of(endpoint("https://api.example.com/v1", key_env="")).text == NO_KEY


@pytest.mark.parametrize("key", ["two words", f"{KEY}\nX-Evil: 1", "schlüssel", "a\x00b"])
def test_what_cannot_stand_in_a_header_is_no_key_and_is_not_shown(key: str) -> None:
    with pytest.raises(ChatError, match="cannot be a key") as caught:
        Keys({"PLANTED_KEY": key}).of(AWAY)
    assert caught.value.trouble == "no_key"
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["http://localhost:11434/v1", "http://127.0.0.1/v1", "http://192.168.1.7:8000/v1", "http://10.0.0.1", "http://[::1]/v1",
     "http://vllm:8000/v1", "http://gpu.local/v1", "http://gpu.lan/v1"],
)  # fmt: skip
def test_one_s_own_servers_are_known(url: str) -> None:
    assert is_own(url)


@pytest.mark.parametrize("url", ["https://api.openai.com/v1", "http://8.8.8.8/v1", "", "nonsense", "http://[::1/v1"])
def test_other_servers_are_not_one_s_own(url: str) -> None:
    assert not is_own(url)


def test_a_place_is_named_without_what_may_be_secret() -> None:
    assert place_of(endpoint("https://me:pass@api.example.com:8443/v1/?key=abc")) == "https://api.example.com:8443/v1"
    assert place_of(endpoint("http://[::1/v1")) == "the endpoint"
    assert host_of(endpoint("https://me:pass@api.example.com:8443/v1?key=abc")) == "api.example.com:8443"
    assert host_of(endpoint("http://[::1/v1")) == host_of(endpoint("")) == "the endpoint"


@pytest.mark.parametrize(
    "url", ["nonsense", "ftp://localhost", "http://[::1/v1", "http://x:99999/v1", "", "http:///v1"]
)
def test_an_address_is_required(url: str) -> None:
    with pytest.raises(ChatError, match="no address"):
        require_address(endpoint(url))
    require_address(AWAY)
