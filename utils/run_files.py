"""The files of a run folder, read: for notebooks (`utils.runs`), for the look before handing in
and the report, and where work is graded. Nothing is unpickled, and torch is imported for weights
alone.
"""

import contextlib
import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

INFO, WEIGHTS = "run.json", "weights.safetensors"
CURVES, GRAPH = "curves.csv", "graph.json"
NEEDED = INFO, WEIGHTS, CURVES  # a run without a graph can be graded, too


class RunError(Exception):
    """A run folder cannot be used; the message says why and what to do."""

    def _render_traceback_(self):
        return [f"{type(self).__name__}: {self}"]


@dataclass(frozen=True)
class RunFiles:
    """Reads one run folder; each method raises RunError for a file that is missing or damaged.

    largest: of a file, bytes; a larger file is refused, and a link. None where the folder is one's
    own.
    """

    folder: Path
    largest: int | None = None

    def content(self, file):
        """A file's bytes."""
        path = Path(self.folder) / file
        if not path.is_file() or (self.largest is not None and path.is_symlink()):
            raise RunError(f"{file} is missing.")
        if self.largest is not None and path.stat().st_size > self.largest:
            raise RunError(f"{file} is larger than {self.largest / 2**20:.0f} MiB.")
        try:
            return path.read_bytes()  # not mapped: Windows replaces no file that is
        except OSError:
            raise RunError(f"{file} cannot be read.") from None

    def info(self):
        """run.json as a dict: settings, epochs, finished, versions."""
        return self._object(INFO)

    def graph(self):
        """graph.json as a dict, see utils/graph.py."""
        return self._object(GRAPH)

    def _object(self, file):
        try:
            value = json.loads(self.content(file))
        except (ValueError, RecursionError):
            raise RunError(f"{file} is damaged.") from None
        if not isinstance(value, dict):
            raise RunError(f"{file} is damaged.")
        return value

    def curves(self):
        """curves.csv as {name: one float an epoch}."""
        names, rows = self._table()
        with contextlib.suppress(TypeError, ValueError):
            if rows:
                return {name: [float(row[name]) for row in rows] for name in names}
        raise RunError(f"{CURVES} is damaged or empty.")

    def last(self):
        """The last row of curves.csv, {name: text}, or {}; other rows may be damaged."""
        _, rows = self._table()
        return rows[-1] if rows else {}

    def _table(self):
        try:
            text = io.StringIO(self.content(CURVES).decode("utf-8-sig"), newline="")
            reader = csv.DictReader(text)
            rows = list(reader)
            return [name for name in reader.fieldnames if name and name != "epoch"], rows
        except (TypeError, UnicodeError, csv.Error):
            raise RunError(f"{CURVES} is damaged or empty.") from None

    def weights(self):
        """The state dict, tensors as float32 (integer buffers stay)."""
        from safetensors.torch import load

        content = self.content(WEIGHTS)
        try:
            weights = load(content)
            return {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}
        except Exception:
            raise RunError(
                f"{WEIGHTS} is damaged, or of another kind; only safetensors files are read."
            ) from None
