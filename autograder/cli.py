"""Commands of `python -m autograder`; each lives in the module that does its work."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from autograder.desks import command
from autograder.errors import Stopped, WrongCall, told
from utils.hand_in import console


def main(argv: list[str] | None = None) -> int:
    """Run one command; exit status 0 all well, 1 something lost points or failed, 2 the call was
    wrong.
    """
    parser = argparse.ArgumentParser(prog="python -m autograder", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _of_questions(commands)
    _of_what_is_released(commands)
    _of_a_class(commands)
    console.lenient()
    options = parser.parse_args(argv)
    return told(f"autograder {options.command}", lambda: options.run(options))


def _in_course(commands, name: str, help: str) -> argparse.ArgumentParser:
    """A command that works in a course's folder."""
    parser = commands.add_parser(name, help=help)
    parser.add_argument("--course-dir", type=Path, default=Path("."), metavar="DIR")
    return parser


def _of_questions(commands) -> None:
    """Commands with which questions are written and tried."""
    check = commands.add_parser("check", help="run one question's hidden checks on files")
    check.add_argument("question", help="<assignment>.<name>, such as vae.kl_gaussian")
    check.add_argument(
        "--file",
        action="append",
        required=True,
        type=Path,
        help="Python or a notebook; repeat for more",
    )
    check.add_argument("--seed", type=int, default=0, help="draw the hidden inputs from this seed")
    check.add_argument("--json", action="store_true", help="one JSON object a file, nothing else")
    check.add_argument("--no-sandbox", action="store_true", help="for files of one's own")
    check.set_defaults(run=run_check)

    listing = commands.add_parser("questions", help="list every question")
    listing.add_argument("--json", action="store_true")
    listing.add_argument("--markdown", action="store_true", help="print docs/what-is-tested.md")
    listing.set_defaults(run=run_questions)

    making = commands.add_parser("build", help="masters to notebooks and the student release")
    making.add_argument("assignment", nargs="*", help="default: all")
    making.add_argument("--check", action="store_true", help="only say what is out of date")
    making.set_defaults(run=run_build)

    trying = commands.add_parser("selftest", help="try questions out before students meet them")
    trying.add_argument("question", nargs="*", help="or assignments; default: all")
    trying.add_argument("--seeds", type=int, default=1, help="draw the hidden inputs so many times")
    trying.add_argument("--json", action="store_true", help="one JSON object a question")
    trying.set_defaults(run=run_selftest)

    new = commands.add_parser("new", help="begin a question or an assignment")
    begun = new.add_subparsers(dest="what", required=True, metavar="question | assignment")
    question = begun.add_parser("question", help="an example to fill in, ready to run")
    question.add_argument("id", help="<assignment>.<name>, such as vae.free_bits_kl")
    question.add_argument(
        "--kind", required=True, help="formula, sampler, class, loop, run or written"
    )
    question.set_defaults(run=run_new)
    assignment = begun.add_parser("assignment", help="a notebook without questions")
    assignment.add_argument("name")
    assignment.set_defaults(run=run_new)

    entering = _in_course(commands, "register", "enter the release into the gradebook")
    entering.add_argument("assignment", nargs="*", help="default: all")
    entering.set_defaults(run=run_register)


def _of_what_is_released(commands) -> None:
    """Commands that make what others get, or that show what a machine can do."""
    release = commands.add_parser("release", help="one zip for students")
    release.add_argument("--to", type=Path, default=Path("dist/vae-course.zip"))
    release.set_defaults(run=run_release)

    page = commands.add_parser("playground", help="the explorers as one page that needs no Python")
    page.add_argument("--to", type=Path, default=Path("build/playground/index.html"))
    page.set_defaults(run=run_playground)

    site = commands.add_parser("site", help="the playground and the documents as web pages")
    site.add_argument("--to", type=Path, default=Path("build/site"), metavar="FOLDER")
    site.set_defaults(run=run_site)

    demo = commands.add_parser("demo", help="grade a small class in build/demo and show the table")
    demo.add_argument("assignment", nargs="?", default="vae")
    demo.set_defaults(run=run_demo)

    doctor = commands.add_parser("doctor", help="try what isolation this machine gives")
    doctor.set_defaults(run=run_doctor)


def _of_a_class(commands) -> None:
    """Commands about submissions."""
    grading = _in_course(commands, "grade", "grade every submission of an assignment")
    grading.add_argument("assignment")
    where = grading.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, default=1, help="processes on this machine")
    where.add_argument("--scheduler", metavar="ADDRESS", help="of a dask scheduler with workers")
    grading.add_argument("--json", type=Path, metavar="FILE", help="one JSON object a student")
    grading.add_argument("--student", nargs="+", default=[], metavar="ID", help="only these")
    grading.add_argument("--no-sandbox", action="store_true", help="trust every submission")
    grading.set_defaults(run=run_grade)

    one = commands.add_parser("one", help="grade one notebook, for any desk: see docs/desks.md")
    command.add_options(one)
    one.set_defaults(run=command.run)

    packing = commands.add_parser("bundle", help="what Gradescope or another desk asks for")
    packing.add_argument("desk", help="gradescope, prairielearn or docker")
    packing.add_argument("assignment")
    packing.add_argument("--to", type=Path, help="default: dist/ASSIGNMENT-DESK, or .zip")
    packing.set_defaults(run=run_bundle)

    answers = _in_course(commands, "answers", "grade the answers in words on a local page")
    answers.add_argument("assignment")
    answers.add_argument(
        "--alike",
        type=float,
        default=0.6,
        metavar="COSINE",
        help="mark two answers as much alike from here on (0.6)",
    )
    answers.add_argument("--port", type=int, default=0, help="default: any free one")
    answers.add_argument("--no-browser", action="store_true", help="only print the address")
    answers.set_defaults(run=run_answers)

    report = _in_course(commands, "report", "how an assignment went, as one HTML page")
    report.add_argument("assignment")
    report.add_argument("--to", type=Path, metavar="FILE", help="default: reports/ASSIGNMENT.html")
    report.set_defaults(run=run_report)

    asking = _in_course(commands, "ask", "three questions to each student about her own work")
    asking.add_argument("assignment")
    asking.add_argument("--student", nargs="+", default=[], metavar="ID", help="only these")
    asking.add_argument("--no-sandbox", action="store_true", help="trust every submission")
    asking.set_defaults(run=run_ask)

    collecting = _in_course(
        commands, "collect", "submissions out of what a learning platform gives"
    )
    collecting.add_argument("assignment")
    collecting.add_argument("download", type=Path, help="a zip, or the folder it was unpacked to")
    roster = "a list of the course from the platform: Canvas' gradebook, Moodle's worksheet"
    collecting.add_argument("--roster", type=Path, metavar="CSV", help=roster)
    collecting.add_argument(
        "--columns",
        nargs="+",
        default=[],
        metavar="ROLE=HEADER",
        help="of the roster, where they are not found: number, id, name",
    )
    collecting.add_argument(
        "--pattern", help="how names are made, such as '{last}_{first}_{id}/{file}' or '{id}.ipynb'"
    )
    collecting.set_defaults(run=run_collect)


def run_check(options) -> int:
    """`check QUESTION --file student.py …`: one result a file, in order."""
    import torch

    from autograder.desks.check import check
    from autograder.exam.walls.common import NoBox
    from autograder.key import catalogue

    torch.set_num_threads(1)  # the children are forked: no OpenMP region may run before
    catalogue.find(options.question)
    missing = [str(path) for path in options.file if not path.is_file()]
    if missing:
        raise WrongCall(f"no such file: {', '.join(missing)}")
    all_passed = True
    for path in options.file:
        try:
            result = check(path, options.question, options.seed, not options.no_sandbox)
        except NoBox as error:
            raise WrongCall(f"the code cannot be isolated here: {error}") from None
        all_passed &= result["passed"]
        if options.json:
            print(json.dumps(result, ensure_ascii=False), flush=True)
        else:
            print(f"{path}\n{result['feedback']}\n", flush=True)
    return 0 if all_passed else 1


def run_questions(options) -> int:
    """`questions`: id, points, title, extra credit, of questions in code and in words."""
    from autograder.key import catalogue

    rows = []
    for assignment in catalogue.ASSIGNMENTS:
        for q in catalogue.of(assignment).values():
            rows.append({"id": q.id, "points": q.points, "title": q.title, "extra_credit": q.extra})
        for w in catalogue.WRITTEN.values():
            if w.assignment == assignment:
                rows.append(
                    {
                        "id": w.id,
                        "points": w.points,
                        "title": w.title,
                        "extra_credit": False,
                        "written": True,
                        "words": w.words,
                    }
                )
    if options.json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return 0
    if options.markdown:
        print(catalogue.what_is_tested())
        return 0
    width = max(len(row["id"]) for row in rows)
    for row in rows:
        note = "  (extra credit)" if row["extra_credit"] else ""
        note += f"  (in words, at most {row['words']})" if row.get("written") else ""
        print(f"{row['id']:{width}}  {row['points']:4g}  {row['title']}{note}")
    return 0


def run_build(options) -> int:
    """`build`: write what changed; with --check, exit status 1 when something is out of date."""
    from autograder.key import catalogue
    from autograder.release import build
    from autograder.release.selftest import quick

    catalogue.consistent()
    own = build.own_assignments()
    assignments = options.assignment or [*catalogue.ASSIGNMENTS, *own]
    unknown = [name for name in assignments if name not in (*catalogue.ASSIGNMENTS, *own)]
    if unknown:
        there = ", ".join([*catalogue.ASSIGNMENTS, *own])
        raise WrongCall(f"no assignment {', '.join(unknown)}; there are {there}")
    if options.check:
        stale = build.differences()
        print("\n".join(stale) or "all generated notebooks are in sync")
        return 1 if stale else 0
    kit = [name for name in assignments if name not in own]
    for finding in quick(kit):
        raise build.MasterError(str(finding))
    build.write_sources(kit)
    build.generate(assignments)
    for name in assignments:
        for path in sorted((build.ROOT / "assignments" / name).glob("*.ipynb")):
            print(path.relative_to(build.ROOT))
    return 0


def run_selftest(options) -> int:
    """`selftest`: what is not as it must be, question by question; exit status 1 where there is
    something.
    """
    from autograder.key import catalogue
    from autograder.release.selftest import selftest

    asked: list[str] = []
    for name in options.question or catalogue.ASSIGNMENTS:
        if name in catalogue.ASSIGNMENTS:
            asked += catalogue.of(name)
            asked += [w for w in catalogue.WRITTEN if w.startswith(f"{name}.")]
        else:
            asked.append(name if name in catalogue.WRITTEN else catalogue.find(name).id)
    if options.seeds < 1:
        raise WrongCall("--seeds must be 1 or more")
    well = True
    for question, found, counts in selftest(asked, range(options.seeds)):
        well &= not found
        if options.json:
            told = [{"place": f.place, "says": f.says} for f in found]
            row = {"question": question, **counts, "findings": told}
            print(json.dumps(row, ensure_ascii=False), flush=True)
            continue
        tried = f"{counts['mistakes']} mistakes, {counts['answers']} answers"
        print(f"{question}: {'well' if not found else 'look at this'} ({tried})", flush=True)
        for finding in found:
            print(f"  {finding.place}: {finding.says}", flush=True)
    return 0 if well else 1


def run_new(options) -> int:
    """`new`: the files that were written, and what to do next."""
    from autograder.release import new

    if options.what == "question":
        written = new.question(options.id, options.kind)
        then = f"python -m autograder selftest {options.id}"
    else:
        written = new.assignment(options.name)
        then = f"python -m autograder new question {options.name}.NAME --kind formula"
    for path in written:
        print(path.relative_to(new.ROOT))
    print(f"Fill them in; `python -m autograder build` makes the notebook. Then: {then}")
    return 0


def run_register(options) -> int:
    """`register`: what assignments ask, into the gradebook; the release stays as it is."""
    from autograder.key import catalogue
    from autograder.plugins.config import course_config
    from autograder.plugins.register import register
    from autograder.release import build

    if not options.course_dir.is_dir():
        raise WrongCall(f"no folder {options.course_dir}")
    config = course_config(options.course_dir)
    own = build.own_assignments(options.course_dir)
    for assignment in options.assignment or [*catalogue.ASSIGNMENTS, *own]:
        print(register(assignment, config), flush=True)
    return 0


def run_release(options) -> int:
    """`release`: the student bundle, of notebooks that are what masters and key give."""
    from autograder.release import build, bundle

    try:
        stale = build.differences()
    except build.MasterError as error:
        raise WrongCall(f"{error}; nothing was packed") from None
    if stale:
        raise WrongCall(
            f"out of date: {', '.join(stale)}; nothing was packed. `python -m autograder build` "
            "makes them anew"
        )
    print(bundle.write(options.to))
    return 0


def run_playground(options) -> int:
    """`playground`: one self-contained HTML file."""
    from autograder.release import playground
    from utils import runs

    try:
        size = playground.write(options.to)
    except (runs.RunError, OSError) as error:
        raise Stopped(str(error)) from None
    print(f"{options.to} ({size / 1e6:.1f} MB): open it in a browser, or put it on any web server")
    return 0


def run_site(options) -> int:
    """`site`: a folder of pages for any web server, or for none."""
    from autograder.release import site
    from utils import runs

    try:
        pages = site.write(options.to)
    except (runs.RunError, OSError) as error:
        raise Stopped(str(error)) from None
    print(f"{len(pages)} pages in {options.to}: open index.html, or put the folder on a web server")
    return 0


def run_grade(options) -> int:
    """`grade`: a class, in parallel, resumable."""
    if options.workers == 1 and not options.scheduler and not options.no_sandbox:
        from autograder.exam import server

        server.begin()  # it warms up while this process imports nbgrader and torch
    from autograder.course import grading

    return grading.grade(
        options.assignment,
        options.course_dir,
        options.workers,
        options.scheduler,
        options.json,
        not options.no_sandbox,
        options.student,
    )


def run_bundle(options) -> int:
    """`bundle`: one assignment for another desk."""
    from autograder.desks import bundle
    from autograder.letter import language
    from autograder.plugins.config import ROOT, course_config

    letter = course_config(ROOT).Letter  # as `nbgrader generate_feedback` has it
    file = ROOT / letter.sentences if letter.get("sentences") else None
    language.of(letter.get("language", "en"), file)  # a file that a desk could not read
    spoken = bundle.Spoken(letter.get("show", "all"), letter.get("language", "en"), file)
    print(bundle.write(options.desk, options.assignment, options.to, spoken))
    return 0


def run_answers(options) -> int:
    """`answers`: all answers to a question side by side, marks into the gradebook."""
    from autograder.course import marking

    where = options.assignment, options.course_dir
    return marking.serve(*where, options.alike, options.port, not options.no_browser)


def run_report(options) -> int:
    """`report`: scores, questions, mistakes, lateness, failures, in one page."""
    from autograder.course import report

    return report.write(options.assignment, options.course_dir, options.to)


def run_ask(options) -> int:
    """`ask`: sheets, a page and Moodle's XML, with the answers apart."""
    from autograder.ask import command as asking

    where = options.assignment, options.course_dir
    return asking.run(*where, options.student, not options.no_sandbox)


def run_collect(options) -> int:
    """`collect`: from a platform's download into `submitted/`."""
    from autograder.course import collect

    where = options.assignment, options.course_dir
    how = options.roster, options.pattern, options.columns
    return collect.collect(*where, options.download, *how)


def run_demo(options) -> int:
    """`demo`: a small class graded from start to end."""
    from autograder.release import demo

    return demo.run(options.assignment)


def run_doctor(options) -> int:
    """`doctor`: what isolation this machine gives, each line tried."""
    from autograder.exam import doctor

    return doctor.main()
