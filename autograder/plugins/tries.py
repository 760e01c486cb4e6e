"""How often a student has handed in something new: `c.Letter.show = "by-tries"` asks for it."""

from __future__ import annotations

import hashlib

from sqlalchemy import Column, Integer, MetaData, String, Table, delete, insert, select

TRIES = Table(
    "autograder_tries",
    MetaData(),
    Column("submission", String, primary_key=True),
    Column("handed_in", String, nullable=False),
    Column("earlier", Integer, nullable=False),
)


def note(session, where: tuple[str, str, str], notebook) -> None:
    """Count a submission if its cells are not those of the last one. where: of nbgrader's notebook,
    assignment and student. The caller commits.
    """
    TRIES.create(session.connection(), checkfirst=True)
    own = [c.source for c in notebook.cells if not c.metadata.get("nbgrader", {}).get("locked")]
    digest, name = hashlib.sha256("\0".join(own).encode()).hexdigest(), "/".join(where)
    row = TRIES.c.submission == name
    before = session.execute(select(TRIES.c.handed_in, TRIES.c.earlier).where(row)).first()
    if before is None or before.handed_in != digest:
        earlier = 0 if before is None else before.earlier + 1
        session.execute(delete(TRIES).where(row))
        session.execute(insert(TRIES).values(submission=name, handed_in=digest, earlier=earlier))


def earlier(session, where: tuple[str, str, str]) -> int:
    """Earlier submissions in which something was changed; 0 where none was counted."""
    TRIES.create(session.connection(), checkfirst=True)
    row = TRIES.c.submission == "/".join(where)
    return session.execute(select(TRIES.c.earlier).where(row)).scalar() or 0
