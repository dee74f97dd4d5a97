"""A look into live jobs, for a person: a table of where the training stands, and one of values. Pure.

What a job said is untrusted: it goes into blocks, whose renderers escape it, on one line each and cut.
"""

from __future__ import annotations

from trex_nb.core.ids import RunId
from trex_nb.core.peek import Peek, PeekedTraining, PeekedValue
from trex_nb.report import words
from trex_nb.report.blocks import Block, Heading, Paragraph, Table, Verbatim

_LINE = 160


def peek_section(run: RunId, peek: Peek, *, is_listed: bool) -> tuple[Block, ...]:
    """One run. `is_listed`: nothing in particular was asked, so all there is is told."""
    heading = Heading(f"{run}, live")
    if not is_listed:
        return (heading, *(b for v in peek.values for b in _value(v)))
    rows = tuple((v.name, words.one_line(v.type, 40), _brief(v)) for v in peek.values)
    variables = (Table(("variable", "type", "value"), rows),) if rows else (Paragraph("No variables yet."),)
    more = (Paragraph(f"{peek.left_out} more variables are not shown."),) if peek.left_out else ()
    return (heading, Table(("", ""), tuple(_now(peek))), *variables, *more)


def unseen_section(run: RunId, what: str, hint: str) -> tuple[Block, ...]:
    """One run that could not be looked into, and what to try."""
    return Heading(f"{run}, live"), Paragraph(f"{what}\nTry: {hint}")


def _now(peek: Peek) -> list[tuple[str, str]]:
    rows = _training(peek.training) if peek.training else [("training", "no: another cell is at work")]
    memory = None if peek.memory_mb is None else words.memory(peek.memory_mb)
    gpu = None if peek.gpu_memory_mb is None else words.memory(peek.gpu_memory_mb)
    rows += [(name, text) for name, text in (("memory", memory), ("GPU memory", gpu)) if text]
    return [*rows, ("process", str(peek.pid))]


def _training(t: PeekedTraining) -> list[tuple[str, str]]:
    rows = [("step", f"{t.step} of {t.total}")]
    numbers = {
        "loss": t.loss, "held-out loss": t.eval_loss, "learning rate": t.learning_rate, "gradient norm": t.grad_norm,
    }  # fmt: skip
    rows += [(name, f"{value:.4g}") for name, value in numbers.items() if value is not None]
    if t.seconds_per_step is not None:
        rows.append(("a step takes", f"{t.seconds_per_step:.3g} s"))
    if t.rows_per_second is not None:
        rows.append(("rows a second", f"{t.rows_per_second:.3g}"))
    if t.seconds_left is not None:
        rows.append(("time left", f"≈ {words.duration(max(0.0, t.seconds_left))}"))
    return rows


def _brief(value: PeekedValue) -> str:
    return words.one_line(value.error or value.text, _LINE)


def _value(value: PeekedValue) -> tuple[Block, ...]:
    """A value that fits on a line with its name; a longer one under it."""
    name = words.one_line(value.name, _LINE)
    if value.error:
        return (Paragraph(f"{name}: {words.one_line(value.error, 2 * _LINE)}"),)
    if len(value.text) <= _LINE and "\n" not in value.text:
        return (Paragraph(f"{name} = {words.clean(value.text)}"),)
    return Paragraph(f"{name} ({words.one_line(value.type, 40)}):"), Verbatim(words.clean(value.text))
