"""The desk of a study: takes what the explorer's page says, and answers its questions."""

from __future__ import annotations

from concurrent.futures import Future

from trex_nb.core import commands as cmd
from trex_nb.core.ids import NodeId, RunId, node_of
from trex_nb.errors import CommandError
from trex_nb.launch.files import JobFolder
from trex_nb.study.coding import shown_attempt
from trex_nb.study.edit import typed
from trex_nb.study.spelling import spelled
from trex_nb.study.study import Study
from trex_nb.widget.details import comparison, details
from trex_nb.widget.questions import AboutStudy, Comparison, Details, Notebook, Weigh
from trex_nb.widget.view import Wire

_LARGEST_NOTEBOOK = 10_000_000
_LOG_LINES = 40


class StudyDesk:
    """A `Desk` before one study."""

    def __init__(self, study: Study) -> None:
        self._study = study

    def send(self, command: cmd.Command) -> Future[str]:
        """Give `command` to the study."""
        return self._study.send(self._seen(_read(command)))

    def asks(self, command: cmd.Command) -> str:
        """What it would come to, if that is worth a second thought."""
        weighed = self._study.weigh(self._seen(_read(command)))
        return weighed.text if weighed.asks else ""

    def answer(self, question: AboutStudy) -> Wire:
        """Answer a question; reads logs and notebooks from disk."""
        match question:
            case Details(nodes=nodes):
                return {"details": [self._details(self._study.known(n)) for n in nodes]}
            case Comparison(one=one, two=two):
                return comparison(self._study.tree, self._study.known(one), self._study.known(two))
            case Weigh(command=command):
                return {"text": self._study.weigh(_read(command)).text, "code": spelled(command)}
            case Notebook(run=run):
                return self._notebook(run)

    def _seen(self, command: cmd.Command) -> cmd.Command:
        """Who clicks Approve has the mended code before their eyes that waits just then."""
        if not isinstance(command, cmd.Approve):
            return command
        return command.model_copy(update={"code": shown_attempt(self._study.tree, command.nodes)})

    def _details(self, node: NodeId) -> Wire:
        study = self._study
        log = study.logs(node, _LOG_LINES) if any(r.folder for r in study.tree.nodes[node].runs) else ""
        return details(study.tree, node, study.editable(node), log, study.folder.path)

    def _notebook(self, run: RunId) -> Wire:
        node = self._study.known(node_of(run))
        found = next((r for r in self._study.tree.nodes[node].runs if r.id == run), None)
        path = JobFolder(self._study.folder.path / found.folder).notebook if found and found.folder else None
        if path is None or not path.is_file():
            raise CommandError(f"{run} has no notebook yet.", "wait until its job has begun")
        if path.stat().st_size > _LARGEST_NOTEBOOK:
            raise CommandError(f"The notebook of {run} is too large to be sent to a page.", f"open {path}")
        return {"name": f"{self._study.name}-{run}.ipynb", "text": path.read_text(encoding="utf-8")}


def _read(command: cmd.Command) -> cmd.Command:
    """The fields of an edit come as they were typed."""
    if not isinstance(command, cmd.Edit):
        return command
    fields = {name: typed(value) if isinstance(value, str) else value for name, value in command.fields.items()}
    return command.model_copy(update={"fields": fields})
