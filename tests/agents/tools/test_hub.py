"""The hub over HTTP: data sets, models, and what is in one."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.agents.tools.services import DATASET, DATASETS, MODELS, ROWS, Says, serving
from trex_nb.agents.tools.base import BadArguments, Found, Unavailable
from trex_nb.agents.tools.hub import DescribeDataset, FindDatasets, FindModels, Hub
from trex_nb.agents.tools.web import Reach


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


def described(name: str = "someone/reviews", **answers: Says) -> Found:
    with serving(**answers) as service:
        tool = DescribeDataset(Hub.at(Reach(), service.url, service.url))
        return asyncio.run(tool.run(json.dumps({"id": name})))


PAGE = Says(json.dumps(DATASET))


def test_data_sets_are_listed_with_their_licence() -> None:
    with serving(api_datasets=Says(json.dumps(DATASETS))) as service:
        found = asyncio.run(FindDatasets(Hub.at(Reach(), service.url)).run('{"query": "reviews"}'))
    first, odd = found.sources
    assert (first.name, first.licence) == ("someone/reviews", "mit")
    assert first.url == "https://huggingface.co/datasets/someone/reviews"
    assert odd.url == ""
    assert "languages en, de · size 10K<n<100K · 1,200 downloads · access on request" in found.text


def test_models_are_listed() -> None:
    with serving(api_models=Says(json.dumps(MODELS))) as service:
        found = asyncio.run(FindModels(Hub.at(Reach(), service.url)).run('{"query": "tiny"}'))
    assert found.sources[0].kind == "model"
    assert "licence apache-2.0 · task text-generation" in found.text


def test_a_data_set_has_columns_splits_size_and_a_revision() -> None:
    found = described(api_datasets_someone_reviews=PAGE, info=Says(json.dumps(ROWS)))
    assert f"revision {'a' * 40}" in found.text
    assert "columns text (string), label (label: neg, pos); splits train 1,000 rows, test 20 rows; 2.5 MB" in found.text
    assert found.sources[0].licence == "mit, cc0"


@pytest.mark.parametrize("rows", [Says(status=500), Says("[]"), Says('{"dataset_info": 3}')])
def test_without_the_row_service_the_card_speaks(rows: Says) -> None:
    found = described(api_datasets_someone_reviews=PAGE, info=rows)
    assert "config default: columns text (string); splits train 7 rows" in found.text


def test_a_data_set_that_is_not_there_is_said() -> None:
    assert described(other=Says(status=401)).text == "There is no public data set someone/reviews."


def test_other_refusals_are_an_unavailable_hub() -> None:
    with pytest.raises(Unavailable):
        described(other=Says(status=503))


@pytest.mark.parametrize("body", ["{}", '[{"downloads": 1}]', "[[]]", "nonsense"])
def test_another_shape_is_an_unavailable_hub(body: str) -> None:
    with serving(api_datasets=Says(body)) as service, pytest.raises(Unavailable):
        asyncio.run(FindDatasets(Hub.at(Reach(), service.url)).run('{"query": "reviews"}'))


@pytest.mark.parametrize("name", ["../x", "a/b/c", "a b", "http://x/y", "a/..", "a?b=c", ""])
def test_an_id_that_is_none_is_sent_back(name: str) -> None:
    with pytest.raises(BadArguments):
        described(name)


def test_offline_by_wish_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with serving() as service, pytest.raises(Unavailable, match="HF_HUB_OFFLINE"):
        asyncio.run(FindModels(Hub.at(Reach(), service.url)).run('{"query": "tiny"}'))
    assert service.asked == []
