"""For notebooks: a progress bar that lives while a cell runs.

    with keywheel.notebook.ProgressBar() as bar:
        rotator.rotate(key, on_progress=bar)
"""

from __future__ import annotations

import importlib
from types import TracebackType
from typing import Any

from . import _html
from .types import Progress, ProgressDependents, ProgressFact, ProgressLooking, ProgressWaiting

__all__ = ["ProgressBar"]


class ProgressBar:
    """A listener for `on_progress` that draws how far a rotation is. Without IPython it says nothing."""

    def __init__(self) -> None:
        self.done = 0
        """Dependents with an outcome."""
        self.total = 0
        """Dependents known so far."""
        self.words = "begins"
        """What is going on."""
        self._display: Any = None

    def __enter__(self) -> ProgressBar:
        ipython = _ipython()
        if ipython is not None:
            self._display = ipython.display(ipython.HTML(self._repr_html_()), display_id=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            self.words = f"interrupted ({type(error).__name__}); nothing is lost, resume goes on"
        self._draw()

    def __call__(self, event: Progress) -> None:
        """Takes an event."""
        if isinstance(event, ProgressDependents):
            self.done, self.total = event.done, event.total
        elif isinstance(event, ProgressWaiting):
            self.words = f"waits: {event.why}"
        elif isinstance(event, ProgressLooking):
            self.words = f"looks: {event.candidates} candidates, {event.found} found"
        elif isinstance(event, ProgressFact) and event.phase is not None:
            self.words = event.phase
        self._draw()

    def _draw(self) -> None:
        if self._display is not None:
            self._display.update(_ipython().HTML(self._repr_html_()))

    def _repr_html_(self) -> str:
        return _html.progress(self.done, self.total, self.words)


def _ipython() -> Any:
    """IPython's ways to show things, or `None` where it is not installed."""
    try:
        return importlib.import_module("IPython.display")
    except ImportError:
        return None
