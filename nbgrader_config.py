"""nbgrader's configuration: source and release folders, and the autograder plugged in."""

from pathlib import Path

import nbgrader

import autograder
from autograder.plugins.config import scripts_on_path
from autograder.plugins.patches import read_dates, read_paths
from autograder.plugins.register import when_skipped
from utils import checks
from utils.hand_in import words

c = get_config()  # noqa: F821  (given by nbgrader)
ROOT = Path.cwd()
TEMPLATES = [
    str(Path(autograder.__file__).parent / "plugins" / "pages"),
    str(Path(nbgrader.__file__).parent / "server_extensions" / "formgrader" / "templates"),
]

c.CourseDirectory.course_id = "vae-course"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"

# A stub parses and says what to do when it is run.
c.ClearSolutions.code_stub = {
    "python": f'# YOUR CODE HERE\nraise NotImplementedError("{checks.STUB}")'
}
c.ClearSolutions.text_stub = words.STUB
c.ClearMarkScheme.enforce_metadata = False  # rubrics stand in read-only cells, not in task cells
c.GenerateAssignment.post_convert_hook = "autograder.release.build.clean_release"
when_skipped()  # `generate_assignment` tells the gradebook about a release that exists, too
read_paths()  # a course folder may be called "winter [2026]"
read_dates()  # a due date in a zone that nobody knows is refused
scripts_on_path()  # nbgrader starts `alembic`, also where no environment is activated

# An instructor's own runs must neither be released nor laid over a student's.
c.Autograde.exclude_overwriting = {
    folder.name: [str(f.relative_to(folder)) for f in folder.glob("runs/**/*") if f.is_file()]
    for folder in (ROOT / "solutions").glob("*")
    if folder.is_dir()
}

# Grading. First the submission is read warily and its graded cells are put back as released; then
# our Execute runs the student's cells in a sandbox and asks the questions from outside; our
# SaveAutoGrades stores what they scored.
c.Autograde.exporter_class = "autograder.plugins.exporter.Exporter"
c.Exporter.optimistic_validation = True  # the notebook is validated at the end, not eleven times
c.Autograde.sanitize_preprocessors = [
    "nbgrader.preprocessors.ClearOutput",
    "autograder.plugins.exporter.RestoreCells",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "autograder.plugins.execute.Execute",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "autograder.plugins.execute.SaveAutoGrades",
    "autograder.plugins.late.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
# It takes nothing off unless told to.
c.AssignLatePenalties.plugin_class = "autograder.plugins.late.LatePolicy"

# An answer over its word limit: "note" it, "cut" it there, or take points off; see
# `python -m autograder answers`.
c.WordLimit.policy = "note"

# What students wrote runs nowhere: not in the formgrader, not in feedback, which asks nothing of
# the network either.
c.HTMLExporter.filters = {"markdown2html": "autograder.plugins.prose.markdown2html"}
c.WidgetsDataTypeFilter.display_data_priority = ["image/png", "image/jpeg", "text/plain"]
c.GenerateFeedback.HTMLExporter.template_name = "students"
c.GenerateFeedback.HTMLExporter.template_file = "page.html.j2"
c.GenerateFeedback.HTMLExporter.extra_template_basedirs = TEMPLATES

# Feedback: a letter with scores, explanations and comments, but no hidden test, no mark scheme.
c.ClearHiddenTests.enforce_metadata = False
c.GenerateFeedback.preprocessors = [
    "autograder.plugins.feedback.GetGrades",
    "autograder.plugins.feedback.WriteLetter",
    "autograder.plugins.feedback.ClearHiddenTests",
    "autograder.plugins.feedback.ClearMarkScheme",
    "autograder.plugins.feedback.WritePage",
]
# All of it at once, or more with every submission in which something was changed ("by-tries").
c.Letter.show = "all"

# Your own settings stand in a file that no upgrade touches; they are read last.
load_subconfig("nbgrader_config.local.py", path=str(Path(autograder.__file__).parents[1]))  # noqa: F821
