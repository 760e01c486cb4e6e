"""A cell that stops goes on: what does not depend on the statement that failed is run all the same.

In a notebook a cell ends at its first error. When work is graded, an import that this machine lacks
would take along the imports below it, and with them every question. So a statement that fails costs
what needs it, and nothing else. Line numbers and outputs stay those of the cell.
"""

from __future__ import annotations

import ast
import re
import sys

from IPython.core.interactiveshell import ExecutionResult

from autograder.student import asking, libraries

# Cell magics that time or silence Python: the cell below them is an ordinary one.
PLAIN = re.compile(r"\s*%%(time|prun|capture)[ \t]*(\n|$)")
# A line that belongs to the statement above it, though it is not indented.
GOES_ON = re.compile(r"(else|elif|except|finally)\b|[)\]}]")
PARTS = 400  # statements of a cell that does not parse; of more, none is run
AHEAD = 20  # how many of them may be one statement, with brackets at the start of lines
QUOTES = '"""', "'''"
BOUND = re.compile(r"^(?:(?:async\s+)?(?:def|class)\s+)?(\w+)(?=\s*[(=:])")
ENOUGH = 10  # errors of a cell; below so many, only what it defines is run
AFTER = 0.5  # seconds for each thing that a cell defines below a statement that had to be stopped


class Onward:
    """A mixin for IPython's InteractiveShell."""

    definitions_only = False  # leave out what may end the process
    _unreadable: tuple[str, ...] = ()  # names that lines which are no Python would have bound

    def transform_cell(self, raw_cell):
        return super().transform_cell(PLAIN.sub("\n", raw_cell.lstrip("\ufeff"), count=1))

    def should_run_async(self, raw_cell, **kwargs):
        try:
            return super().should_run_async(raw_cell, **kwargs)
        except (RecursionError, MemoryError):  # nested too deeply even to be read
            return False

    async def run_cell_async(self, raw_cell, *args, **kwargs):
        """As IPython's; of a cell that does not parse, the statements that do are run."""
        try:
            result = await super().run_cell_async(raw_cell, *args, **kwargs)
        except (RecursionError, MemoryError) as error:
            self.showtraceback()
            result = ExecutionResult(None)
            result.error_before_exec = SyntaxError(str(error))
        if isinstance(result.error_before_exec, SyntaxError) and not result.error_in_exec:
            readable, self._unreadable = readable_part(raw_cell, self.transform_cell)
            if readable.strip():
                transformed = self.transform_cell(readable)
                await super().run_cell_async(readable, transformed_cell=transformed)
        return result

    async def run_ast_nodes(
        self, nodelist, cell_name, interactivity="last_expr", compiler=compile, result=None
    ):
        """Run statements; True where one failed. `result` holds the first error then."""
        lost, self._unreadable = set(self._unreadable), ()
        nodes = [part for node in nodelist for part in one_by_one(node)]
        run, left_out, first, failures = super().run_ast_nodes, [], None, 0
        for place, node in enumerate(nodes):
            if self.definitions_only and not harmless(node):
                continue
            if needs(node) & lost:
                left_out.append((node.lineno, min(needs(node) & lost)))
                lost |= binds(node)
                continue
            last = node is nodes[-1] or not interactivity.startswith("last")
            how = interactivity if last else "none"
            if result:
                result.error_in_exec = result.error_before_exec = None
            if not await run([node], cell_name, how, compiler, result):
                lost -= binds(node)
                continue
            lost |= binds(node)
            error = (result.error_in_exec or result.error_before_exec) if result else None
            first, failures = first or error or Exception(), failures + 1
            # It was stopped, or was to end here, or nothing in it works.
            if not isinstance(error, Exception) or failures == ENOUGH:
                for later in nodes[place + 1 :]:
                    if harmless(later) and not needs(later) & lost:
                        with asking.at_most(AFTER):
                            await run([later], cell_name, "none", compiler, result)
                break
        if result:
            result.error_in_exec, result.error_before_exec = first, None
        if left_out:
            _tell(left_out)
        return first is not None


def _tell(left_out: list[tuple[int, str]]) -> None:
    """Say which statements were left out: (line, a name that it needs)."""
    lines = ", ".join(f"line {line} (`{name}`)" for line, name in left_out[:20])
    said = f"Not run, since they need what failed above: {lines}. The rest of the cell was run."
    print(said, file=sys.stderr)


def one_by_one(node: ast.stmt) -> list[ast.stmt]:
    """An import of several names as so many imports: one that is missing costs itself."""
    if not isinstance(node, (ast.Import, ast.ImportFrom)) or len(node.names) < 2:
        return [node]
    parts: list[ast.stmt] = []
    for alias in node.names:
        fields = {name: getattr(node, name) for name in node._fields}
        part = type(node)(**{**fields, "names": [alias]})
        parts.append(ast.copy_location(part, node))
    return parts


def binds(node: ast.stmt) -> set[str]:
    """The names that a statement binds in the notebook."""
    bound = set()
    for part in _outside_functions(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            bound.add(part.id)
        elif isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound.add(part.name)
        elif isinstance(part, ast.alias):
            bound.add(part.asname or part.name.partition(".")[0])
    return bound


def needs(node: ast.stmt) -> set[str]:
    """The names that a statement reads while it runs; not those that a function reads later."""
    read, own = set(), set()
    for part in _outside_functions(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            read.add(part.id)
        elif isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name):
            read.add(part.target.id)
        elif isinstance(part, ast.comprehension):
            own |= {name.id for name in ast.walk(part.target) if isinstance(name, ast.Name)}
    return read - own


def harmless(node: ast.stmt) -> bool:
    """Whether a statement only imports, defines, or gives a name to a plain value."""
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return not any(isinstance(part, (ast.Call, ast.Await)) for part in ast.walk(node))
    defining = ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef
    return isinstance(node, defining)


def _outside_functions(node: ast.AST):
    """A node and what is in it, but for the bodies of functions."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting += [*part.args.defaults, *filter(None, part.args.kw_defaults)]
            waiting += getattr(part, "decorator_list", [])
        else:
            waiting += ast.iter_child_nodes(part)


def readable_part(source: str, transform) -> tuple[str, tuple[str, ...]]:
    """A cell without the statements that are no Python, their lines left empty; and the names that
    these would have bound.

    transform: IPython's, which makes Python of magics.
    """
    lines = source.splitlines(keepends=True)
    starts = [n for n, line in enumerate(lines) if _starts(line, lines[n - 1] if n else "")]
    if not starts or len(starts) > PARTS:
        return "", ()
    ends = [*starts[1:], len(lines)]
    kept, lost, part = lines[: starts[0]], [], 0
    while part < len(starts):
        first, whole = starts[part], None
        text = lines[first : ends[part]]
        ahead = PARTS if any(quotes in line for line in text for quotes in QUOTES) else AHEAD
        for last in range(part, min(part + ahead, len(ends))):
            if _parses("".join(lines[first : ends[last]]), transform):
                whole = last
                break
        if whole is None:
            kept += ["\n"] * len(text)
            lost += BOUND.findall(lines[first])
            part += 1
        else:
            kept += lines[first : ends[whole]]
            part = whole + 1
    return "".join(kept), tuple(lost)


def _starts(line: str, above: str) -> bool:
    """Whether a statement of a cell may start here."""
    blank = not line.strip() or line[0].isspace() or line[0] == "#"
    return not blank and not GOES_ON.match(line) and not above.startswith("@")


def _parses(text: str, transform) -> bool:
    magic = any(line.lstrip().startswith(("%", "!")) for line in text.splitlines())
    try:
        ast.parse(transform(text) if magic or text.rstrip().endswith("?") else text)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return False
    return True


def load_ipython_extension(shell) -> None:
    """Have a plain kernel go on, too: `%load_ext autograder.student.statements`."""
    libraries.adapt()
    shell.__class__ = type(type(shell).__name__, (Onward, type(shell)), {})
