"""The report as static HTML that survives a notebook's sanitiser and GitHub: no script, no style sheet, no inline SVG.

Structure is carried by headings, lists and tables with `scope`; meaning is in words; colours are left to the page, so
that light and dark both read. The picture of the tree is an `<img>` with its SVG inside and a text in its `alt`.
Dollar signs and backslashes stand in spans of their own: MathJax joins them across text, not across elements.
"""

from __future__ import annotations

from collections.abc import Iterable

from trex_nb.core.ids import NodeId
from trex_nb.report import insights, sections, words
from trex_nb.report.blocks import Block, Bullets, Heading, Paragraph, Picture, Table, Verbatim
from trex_nb.report.final import Sealed
from trex_nb.report.text import tree_text
from trex_nb.search.tree import Tree

_SPECIAL = str.maketrans(
    {"$": "<span>&#36;</span>", "\\": "<span>&#92;</span>", "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;",
     "'": "&#x27;", "\n": "&#10;"}
)  # fmt: skip
_CELL = 'style="text-align:left;vertical-align:top;padding:2px 12px 2px 0"'


def escape(text: str) -> str:
    """`text` for an element's content, harmless to HTML, Markdown blocks and MathJax; line ends as entities."""
    return text.translate(_SPECIAL)


def said_html(text: str) -> str:
    """Plain text as it stands: one line as a paragraph, several with their line breaks and indents kept."""
    if "\n" not in text:
        return f"<p>{escape(text)}</p>"
    return f'<pre style="white-space: pre-wrap; word-break: normal; overflow-wrap: break-word">{escape(text)}</pre>'


def status_html(tree: Tree, sealed: Sealed = (), machine: str = "") -> str:
    """Where the study stands; with what the test split said, if it was scored."""
    return render_html(sections.status_section(tree, sealed, machine))


def tree_html(tree: Tree) -> str:
    """The picture of the tree and the same as a table."""
    return render_html(sections.tree_section(tree))


def node_html(tree: Tree, node: NodeId) -> str:
    """Everything about one node. Raises `KeyError` for an unknown one."""
    return render_html(sections.node_section(tree, node))


def compare_html(tree: Tree, a: NodeId, b: NodeId) -> str:
    """Two nodes side by side. Raises `KeyError` for an unknown one."""
    return render_html(sections.compare_section(tree, a, b))


def insights_html(tree: Tree) -> str:
    """What the study has learnt; what no longer holds is folded away."""
    past = insights.past_insights(tree)
    title = escape(insights.past_title(tree))
    folded = f"<details><summary>{title}</summary>\n{render_html(past)}\n</details>" if past else ""
    return "\n".join(part for part in (render_html(insights.live_insights(tree)), folded) if part)


def snapshot_html(tree: Tree, *, note: str = "", is_open: bool = False) -> str:
    """The study as it stood, folded away: what is left where the live view cannot be shown."""
    said = f"Static copy of {tree.name}, revision {tree.seq}, {words.moment(tree.time)}. {note}".rstrip()
    opened = " open" if is_open else ""
    return f"<details{opened}><summary>{escape(said)}</summary>\n{status_html(tree)}\n{tree_html(tree)}\n</details>"


def snapshot_bundle(tree: Tree, *, note: str = "", is_open: bool = False) -> dict[str, str]:
    """The snapshot as a mime bundle."""
    plain = f"Static copy of {tree.name}, revision {tree.seq}, {words.moment(tree.time)}\n{tree_text(tree)}"
    return {"text/html": snapshot_html(tree, note=note, is_open=is_open), "text/plain": plain}


def render_html(blocks: Iterable[Block]) -> str:
    """Blocks as HTML without empty lines."""
    return "\n".join(map(_draw, blocks))


def _draw(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text):
            return f'<p style="white-space:pre-wrap">{escape(text)}</p>'
        case Bullets(items):
            return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
        case Picture():
            return f"<p>{block.img}</p>"
        case Verbatim(text):
            return f'<pre style="max-height:20em;overflow:auto">{escape(text)}</pre>'
        case Table():
            return _table(block)


def _table(table: Table) -> str:
    heads = "".join(f'<th scope="col" {_CELL}>{escape(c)}</th>' for c in table.columns)
    head = f"<thead><tr>{heads}</tr></thead>" if any(table.columns) else ""
    return (
        f"<table>{head}<tbody>\n" + "\n".join(_row(r, is_headed=bool(head)) for r in table.rows) + "\n</tbody></table>"
    )


def _row(row: tuple[str, ...], *, is_headed: bool) -> str:
    cells = "".join(f"<td {_CELL}>{escape(c)}</td>" for c in row[1:])
    first = (
        _CELL.replace('style="', 'style="font-weight:normal;', 1) if is_headed else _CELL
    )  # a long prompt in bold shouts
    return f'<tr><th scope="row" {first}>{escape(row[0])}</th>{cells}</tr>'
