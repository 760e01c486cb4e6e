"""`python -m autograder grade`: a whole class through nbgrader, on one process, many, or a cluster.

nbgrader's own autograde does the work, one student after the other, and only this process writes
the gradebook. With workers, notebooks are executed ahead of it elsewhere: that is a pure function
of cells, files and seed, so `Execute` may take its result from a table (`plugins.ahead`). A ledger
remembers what is in the gradebook, so that a second run grades what changed and nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import logging
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nbgrader.api import InvalidEntry
from nbgrader.converters.base import NbGraderException
from sqlalchemy.exc import SQLAlchemyError

from autograder.course import plan, worker
from autograder.course.course import MACHINE, Course, digest_of, reason
from autograder.course.ledger import Ledger
from autograder.course.pool import Cluster, Lost, Processes
from autograder.errors import Stopped, WrongCall
from autograder.exam import room
from autograder.exam.walls.common import NoBox
from autograder.key import catalogue, fingerprint
from utils.hand_in.files import replacing

Pool = Processes | Cluster


@dataclass
class Task:
    """One submission that is to be graded.

    about: what its grades will depend on, for the ledger. asked: the questions whose answers may
    differ from the last time, None for all. why: in words, where it was graded before. first: why
    it is graded, where it was not.
    """

    student: str
    key: str
    seed: int
    about: dict
    asked: set[str] | None = None
    why: str = ""
    first: str = "handed in"

    def kept(self, course: Course) -> dict[str, dict]:
        return course.kept(self.student, self.seed, self.asked)


Ready = tuple[Task, str | None, float]  # a task that nbgrader may finish, an error, seconds so far


def here(course: Course, tasks: list[Task]) -> Iterator[Ready]:
    """One worker: this process, and nbgrader's own pace.

    Where only some questions are to be asked again, these are asked ahead of it.
    """
    for task in tasks:
        seconds = 0.0
        if task.asked is not None:
            with contextlib.suppress(NbGraderException, OSError, ValueError):
                jobs = course.jobs(task.student, task.seed, task.kept(course))
                done = [worker.run(job) for job in jobs.values()]
                course.ahead.examined.update(zip(jobs, done, strict=True))
                seconds = sum(result.seconds for result in done)
        yield task, None, seconds
        course.ahead.forget(course.submitted(task.student))


def on_workers(course: Course, tasks: list[Task], workers: Pool) -> Iterator[Ready]:
    """Have workers execute notebooks ahead of nbgrader, never many more than they can hold."""
    waiting, running = list(reversed(tasks)), {}

    def feed():
        while waiting and len(running) < max(2 * workers.size, 2):
            task = waiting.pop()
            try:
                jobs = course.jobs(task.student, task.seed, task.kept(course))
            except Exception:  # nbgrader meets it again, and says what is wrong
                jobs = {}
            running[task.student] = task, list(jobs)
            workers.submit(task.student, worker.kit_version(), list(jobs.values()))

    gc.collect()
    gc.freeze()  # as a worker does: collections leave alone what was imported
    feed()
    while running:
        student, results = workers.next()
        task, keys = running.pop(student)
        error, seconds = None, 0.0
        match results:
            case NoBox() | ModuleNotFoundError() | OSError(errno=errno.ENOSPC | errno.EDQUOT):
                raise Stopped(f"a worker cannot grade: {reason(results)}")
            case Stopped():
                raise results
            case Lost():
                error = str(results)
            case Exception():
                error = f"{type(results).__name__}: {reason(results)}"
            case _:
                course.ahead.examined.update(zip(keys, results, strict=True))
                seconds = sum(result.seconds for result in results)
        yield task, error, seconds
        course.ahead.forget(course.submitted(student))
        feed()


@contextlib.contextmanager
def _pool(course: Course, workers: int, scheduler: str | None) -> Iterator[Pool | None]:
    """Workers that can grade; None for this process alone."""
    limits = course.runner.limits()
    if scheduler is None:
        course.runner.check()
        memory = course.runner.taken()
        workers, wanted = room.boxes(memory, workers, there := room.free()), workers
        if workers < wanted:
            print(
                f"{workers} of {wanted} workers are started: {there / room.GIBI:.2g} GiB of memory "
                f"are free, and a submission may use {memory / room.GIBI:.3g} (Execute.memory, and "
                "Execute.disk where files lie in memory)",
                file=sys.stderr,
            )
    if scheduler is None and workers <= 1:
        yield None
        return
    wall = course.runner.rung(), course.runner.minimum
    isolated = wall[0] != "process"
    found = Processes(workers, isolated) if scheduler is None else Cluster(scheduler, limits, wall)
    with contextlib.closing(found):
        yield found


def grade(
    assignment: str,
    root: Path,
    workers: int = 1,
    scheduler: str | None = None,
    json_file: Path | None = None,
    sandbox: bool = True,
    only: Iterable[str] = (),
) -> int:
    """Grade what changed; exit status 0 all graded, 1 some failed. Stopped where it ended early.

    only: these students and nobody else; by default all.
    """
    logging.getLogger("tornado.application").setLevel(logging.CRITICAL + 1)  # nbgrader's tracebacks
    try:
        if workers < 1:
            raise WrongCall("--workers must be 1 or more")
        if json_file and not json_file.absolute().parent.is_dir():
            raise WrongCall(f"no folder {json_file.absolute().parent} for --json")
        if json_file and json_file.is_dir():
            raise WrongCall(f"{json_file} is a folder: --json names a file")
        course = Course(root, assignment, sandbox)
        with contextlib.closing(Ledger(course.root, course.shared)) as ledger:
            rows, stopped = _grade(course, ledger, workers, scheduler, set(only))
    except Stopped as error:
        raise Stopped(f"{error}; nothing was graded") from None
    except (SQLAlchemyError, InvalidEntry) as error:
        signs = [why.format(root=root) for sign, why in MACHINE.items() if sign in str(error)]
        why = signs[0] if signs else f"cannot use the gradebook: {reason(error)}"
        raise Stopped(f"{why}. What is graded is kept; run it again to go on.") from None
    for row in rows:
        if row["status"] == "failed" and not (stopped and row["error"] == stopped):
            print(f"{plan.one(row['student'])}: {row['error']}", file=sys.stderr)
    if json_file:
        try:
            write_json(json_file, [{**row, "details": course.details(row)} for row in rows])
        except OSError as error:
            why = f"cannot write {json_file}: {error.strerror}; the grades are in the gradebook"
            raise Stopped(why) from None
    if stopped:
        raise Stopped(f"{stopped}. What is graded is kept; run it again to go on.")
    return 1 if any(row["status"] == "failed" for row in rows) else 0


def _grade(
    course: Course, ledger: Ledger, workers, scheduler, only: set[str]
) -> tuple[list[dict], str | None]:
    differences, now = course.points(), course.results()
    students, known = _chosen(course, only)
    moved, penalties = course.settle(only or None), course.penalties()
    rows, tasks = _to_do(course, ledger, students, now)
    for student in known - set(students):
        rows[student] = {"status": "missing"}
    states = [row["status"] for row in rows.values()]
    reasons = {task.student: task.why or task.first for task in tasks}
    others = (states.count(status) for status in ("graded", "failed", "missing"))
    if tasks:
        print(plan.told(course.assignment, reasons, *others), flush=True)

    stopped = None
    if tasks or scheduler:  # a wrong address is told also where there is nothing to do
        stopped = _run(course, ledger, tasks, rows, workers, scheduler)
    for task in tasks:
        rows.setdefault(task.student, {"status": "failed", "error": stopped})
    scores, most = course.results(), course.most()
    told = [_row(student, rows[student], scores.get(student, {}), most) for student in sorted(rows)]
    again = [task for task in tasks if task.why and rows[task.student]["status"] == "graded"]
    moved += course.settle({task.student for task in tasks}) if tasks else []
    late = course.penalties()
    changes = [
        line
        for task in again
        for line in (
            *_changes(task, now[task.student], scores[task.student]),
            *_changes(task, *({"late penalty": of[task.student]} for of in (penalties, late))),
        )
    ]
    print(_summary(course.assignment, told, len(tasks), bool(moved)))
    if changes or moved:
        print(plan.listed("marks that changed:", [*changes, *moved]))
    elif again:
        print("no marks changed")
    notes = differences + course.strangers()
    notes += [f"{plan.one(s)}: {rows[s]['note']}" for s in sorted(rows) if rows[s].get("note")]
    if notes:
        print(plan.listed("to look at:", notes))
    return told, stopped


def _chosen(course: Course, only: set[str]) -> tuple[list[str], set[str]]:
    """(who handed in, who is in the gradebook), of these students or of all."""
    students, known = course.handed_in(), course.known
    if not only:
        return students, known
    unknown = only - known - set(students)
    if unknown:
        raise WrongCall(f"no student {plan.some(sorted(unknown))} in gradebook or submissions")
    return [student for student in students if student in only], known & only


def _to_do(course: Course, ledger: Ledger, students, now) -> tuple[dict[str, dict], list[Task]]:
    """(rows of those about whom nothing is to be done, what is to be graded).

    now: {student: points} in the gradebook.
    """
    rows: dict[str, dict] = {}
    tasks, rules = [], course.rules
    prints = {
        q: made
        for q, made in fingerprint.of(course.assignment).items()
        if catalogue.grade_id(q) in course.cells
    }
    for student in students:
        try:
            problem = course.problem(student)
            content = "" if problem else course.content(student)
        except OSError as error:
            problem = f"cannot be read: {error}"
        except RecursionError:
            problem = "cannot be read: its folders are nested too deeply"
        if problem:
            rows[student] = {"status": "failed", "error": problem}
            continue
        seed = course.seed(ledger.seed, student, content)
        about = {"rules": rules, "content": content, "seed": seed, "questions": prints}
        task = Task(student, digest_of([rules, content, seed, prints]), seed, about)
        entry = ledger.latest.get((course.assignment, student), {})
        if entry.get("done") == task.key and student in now and course.autograded(student):
            rows[student] = {"status": "graded", "seconds": entry["seconds"]}
            if entry.get("note"):
                rows[student]["note"] = entry["note"]
            continue
        if "begun" in entry:
            task.first = "interrupted the last time"
        if student in now:
            task.why, task.asked = _reason_for(course.assignment, about, entry)
        tasks.append(task)
    return rows, tasks


def _reason_for(assignment: str, about: dict, entry: dict) -> tuple[str, set[str] | None]:
    """Why a graded submission is graded again, and which questions are asked; None for all.

    entry: the ledger's last about it.
    """
    last = entry.get("about") if "done" in entry else None
    if not isinstance(last, dict):
        return "graded again from the start", None
    if last["content"] != about["content"]:
        return "handed in again", None
    if last["rules"] != about["rules"] or last["seed"] != about["seed"]:
        return "the grader, its settings or the notebook changed", None
    old, new = last["questions"], about["questions"]
    changed = {question for question in {*old, *new} if old.get(question) != new.get(question)}
    why = f"corrected: {', '.join(sorted(changed))}" if changed else "its result was gone"
    return why, fingerprint.affected(assignment, changed)


def _changes(task: Task, old: dict[str, float], new: dict[str, float]) -> Iterator[str]:
    """One line for each question whose points are not what they were."""
    for question in sorted({*old, *new}):
        before, after = old.get(question, 0.0), new.get(question, 0.0)
        if abs(before - after) > 1e-6:
            yield f"{task.student}: {question} {before:g} → {after:g} ({task.why})"


def _run(course, ledger, tasks, rows, workers, scheduler) -> str | None:
    """Grade the tasks, filling in `rows`; None, or why the run stopped."""
    from tqdm import tqdm

    tally = {"graded": 0, "failed": 0}
    with contextlib.ExitStack() as stack:
        found = stack.enter_context(_pool(course, min(workers, max(len(tasks), 1)), scheduler))
        ready = on_workers(course, tasks, found) if found else here(course, tasks)
        bar = stack.enter_context(
            tqdm(
                total=len(tasks),
                desc=course.assignment,
                unit=" submission",
                postfix=tally,
                mininterval=0.1 if sys.stderr.isatty() else 10,
                disable=not tasks,
            )
        )
        try:
            for task, error, seconds in ready:
                rows[task.student] = _finish(course, ledger, task, error, seconds)
                tally[rows[task.student]["status"]] += 1
                bar.set_postfix(tally, refresh=False)
                bar.update()
        except Stopped as stop:
            return str(stop)
    return None


def _finish(course, ledger, task: Task, error: str | None, seconds: float) -> dict:
    """Have nbgrader store one submission; the ledger says so before and after."""
    if error is None:
        begun = time.monotonic()
        ledger.write(assignment=course.assignment, student=task.student, begun=task.key)
        seen = course.looked_at(task.student)
        error = course.autograde(task.student, task.seed)
        if error is None and seen:
            asked = {catalogue.grade_id(question) for question in task.asked or ()}
            course.keep_looked_at(task.student, seen, asked)
        seconds = round(seconds + time.monotonic() - begun, 3)
    if error is not None:
        return {"status": "failed", "error": error, "seconds": seconds}
    note = course.note(task.student)
    ledger.write(
        assignment=course.assignment,
        student=task.student,
        done=task.key,
        seed=task.seed,
        seconds=seconds,
        about=task.about,
        note=note,
    )
    return {"status": "graded", "seconds": seconds, "note": note}


def _row(student: str, row: dict, scores: dict, most: float) -> dict:
    """One line of --json. score: of the code questions, extra credit and manual grades included."""
    graded = row["status"] == "graded"
    score = sum(scores.values()) if graded else None if row["status"] == "failed" else 0.0
    told = {
        "student": student,
        "status": row["status"],
        "score": score,
        "max_score": most,
        "seconds": row.get("seconds", 0.0),
        "questions": scores if graded else {},
    }
    return {**told, "error": row["error"]} if "error" in row else told


def _summary(assignment: str, rows: Iterable[dict], done: int, moved: bool) -> str:
    counts = {s: sum(r["status"] == s for r in rows) for s in ("graded", "failed", "missing")}
    told = ", ".join(f"{n} {status}" for status, n in counts.items() if n) or "nobody handed in"
    idle = "nothing to grade" if moved else "nothing to do, no submission has changed"
    new = f"{done} to grade in this run" if done else idle
    return f"{assignment}: {told} ({new})"


def write_json(path: Path, rows: list[dict]) -> None:
    """One object a line."""
    with replacing(path) as unfinished:
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        unfinished.write_text("".join(lines), encoding="utf-8")
