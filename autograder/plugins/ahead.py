"""What a coordinator has done ahead of nbgrader, for the plug-ins that would do it otherwise."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


@dataclass
class Ahead:
    """Hung on nbgrader's converter as `ahead`; the plug-ins below it find it there.

    sanitized: {path: (text, resources)} of submitted notebooks. examined: {`execute.key_of`: what
    the examiner found}.
    """

    sanitized: dict = field(default_factory=dict)
    examined: dict = field(default_factory=dict)

    def forget(self, folder: str | os.PathLike) -> None:
        """Drop what is done for one submission, used or not: nbgrader is through with it."""
        for path in [p for p in self.sanitized if p.startswith(f"{folder}{os.sep}")]:
            del self.sanitized[path]
        self.examined.clear()


def of(plugin) -> Ahead:
    """What is hung on the converter above a plug-in; nothing, where nobody has worked ahead."""
    while plugin is not None:
        if hung_on(plugin):
            return plugin.ahead
        plugin = getattr(plugin, "parent", None)
    return Ahead()


def hung_on(converter) -> bool:
    """Whether a coordinator works ahead of this converter."""
    return isinstance(getattr(converter, "ahead", None), Ahead)
