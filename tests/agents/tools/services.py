"""A real HTTP server in the shapes of the services that research tools ask, with what goes wrong there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Says:
    """One answer. A silent one sends nothing until the server is closed."""

    body: bytes | str = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    is_silent: bool = False

    @property
    def data(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else self.body


@dataclass(slots=True)
class Service:
    """What is said by path (`answers`), and the requests that came (`asked`: path, query, headers)."""

    answers: dict[str, Says]
    url: str = ""
    asked: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(**answers: Says) -> Iterator[Service]:
    """A server on a port of its own; `answers` by path, its slashes as underscores ("api_datasets"); `other` for any
    other path."""
    service = Service({f"/{name.replace('_', '/')}" if name != "other" else name: a for name, a in answers.items()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {k: v[0] for k, v in parse_qs(parts.query).items()}
            service.asked.append((parts.path, query, {k.lower(): v for k, v in self.headers.items()}))
            answer = service.answers.get(parts.path) or service.answers.get("other") or Says(status=404)
            if answer.is_silent:
                service.closing.wait(30)
                return
            self.send_response(answer.status)
            for name, value in (*answer.headers, ("Content-Length", str(len(answer.data)))):
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(answer.data)
            except OSError:
                self.close_connection = True  # who asked has heard enough

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service
    finally:
        service.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


ATOM = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <title>ArXiv Query: search_query=all:adapters</title>
  <entry>
    <id>http://arxiv.org/abs/2401.00001v2</id>
    <published>2024-01-01T00:00:00Z</published>
    <title>Small adapters
      for small models</title>
    <summary>  We show that adapters of low rank
      suffice.  </summary>
    <author><name>A. Uthor</name></author><author><name>B. Uthor</name></author>
    <author><name>C. Uthor</name></author><author><name>D. Uthor</name></author>
    <link href="http://arxiv.org/abs/2401.00001v2" rel="alternate" type="text/html"/>
  </entry>
  <entry><id>javascript:alert(1)</id><title>A paper with an odd address</title><summary>Odd.</summary></entry>
</feed>"""

OPENALEX = {
    "meta": {"count": 1},
    "results": [{
        "id": "https://openalex.org/W1", "doi": "https://doi.org/10.1/abc", "display_name": "Which rows matter",
        "publication_year": 2023, "cited_by_count": 12, "authorships": [{"author": {"display_name": "E. Xample"}}],
        "primary_location": {"landing_page_url": "https://example.org/rows", "license": "cc-by", "is_oa": True},
        "abstract_inverted_index": {"rows": [1, 3], "Some": [0], "beat": [2]},
    }, {"id": None, "display_name": None}],
}  # fmt: skip

SCHOLAR = {
    "total": 1, "offset": 0,
    "data": [{
        "paperId": "ab", "title": "Label noise", "abstract": None, "year": 2022, "citationCount": 3,
        "url": "https://www.semanticscholar.org/paper/ab", "authors": [{"authorId": "1", "name": "F. Irst"}],
        "openAccessPdf": {"url": "https://example.org/a.pdf", "license": "CCBY"},
    }],
}  # fmt: skip

DATASETS = [
    {"id": "someone/reviews", "downloads": 1200, "likes": 3, "private": False, "gated": "auto", "sha": "a" * 40,
     "tags": ["license:mit", "language:en", "language:de", "size_categories:10K<n<100K"],
     "cardData": {"license": "mit"}},
    {"id": "<b>odd</b>", "tags": []},
]  # fmt: skip

DATASET = {
    "id": "someone/reviews", "sha": "a" * 40, "downloads": 1200, "tags": ["license:mit"],
    "cardData": {"license": ["mit", "cc0"], "dataset_info": {
        "features": [{"name": "text", "dtype": "string"}], "splits": [{"name": "train", "num_examples": 7}],
    }},
}  # fmt: skip

ROWS = {
    "dataset_info": {"default": {
        "features": {"text": {"dtype": "string", "_type": "Value"},
                     "label": {"names": ["neg", "pos"], "_type": "ClassLabel"}},
        "splits": {"train": {"name": "train", "num_bytes": 9, "num_examples": 1000}, "test": {"num_examples": 20}},
        "download_size": 2_500_000,
    }},
    "partial": False,
}  # fmt: skip

MODELS = [{"id": "someone/tiny", "pipeline_tag": "text-generation", "downloads": 5, "tags": ["license:apache-2.0"]}]
