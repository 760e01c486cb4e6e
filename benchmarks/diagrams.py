"""Writes the diagrams of the course's models as files for documents.

python benchmarks/diagrams.py      # docs/figures/diagram-NAME.svg
"""

from pathlib import Path

from utils.plots import diagrams

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "figures"


def main():
    for name in diagrams.DIAGRAMS:
        path = FOLDER / f"diagram-{name}.svg"
        path.write_text(diagrams.Diagram(name).svg(file=True) + "\n", encoding="utf8")
        print(path.relative_to(FOLDER.parent.parent))


if __name__ == "__main__":
    main()
