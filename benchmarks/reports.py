"""Reproduce the published reports' own figures with this course, and print them side by side.

    python benchmarks/reports.py vad --root FOLDER     auto-decoders on Fashion-MNIST

FOLDER is a data folder in torchvision's layout; without it, the embedded subset is used. A command
prints markdown tables (figure, report, ours), and where and when they were measured.
"""

import argparse
import contextlib
import datetime
import io
import os
import platform
import runpy
import sys
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent

# What the VAD report gives: its score on training and on test images.
VAD = {
    "AD": (0.06, 0.16),
    "Gaussian": (0.116, 0.22),
    "Exponential": (0.30, 0.295),
    "Laplace": (0.254, 0.253),
    "Uniform": None,  # given up there
    "Full Gaussian": None,  # given up there
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = arguments.add_subparsers(dest="command", required=True, metavar="COMMAND")
    one = commands.add_parser("vad", help="scores and class separation of the auto-decoders")
    one.add_argument("--root", default="embedded", help="data folder (default: embedded)")
    one.add_argument("--folder", default="build/reports/vad", help="where the runs are saved")
    one.add_argument("--threads", type=int, help="threads for torch")
    one.set_defaults(measure=vad)
    options = arguments.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    sys.exit(options.measure(options))


def vad(options):
    """Run the notebook `autodecoder` itself and compare what it reaches; False if all is better."""
    started = time.perf_counter(), time.process_time()
    book = run_notebook("autodecoder", options)
    wall, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
    y = {"train": book["train"].labels, "test": book["test"].labels}
    latents = {"AD": {"train": book["z_train"], "test": book["z_test"]}} | book["experiments"]

    print(f"Score with B = {book['B']}; {book['N']:,} training and {book['N']:,} test images.\n")
    print("| latents | train: report | ours | test: report | ours | KL, nats (test) |")
    print("|---|--:|--:|--:|--:|--:|")
    worse = []
    for name, report in VAD.items():
        ours = [book["scores"][name][part] for part in ("train", "test")]
        theirs = [f"{value:.3f}" for value in report] if report else ["given up"] * 2
        if report and (ours[0] >= report[0] or ours[1] >= report[1]):
            worse.append(name)
        kl = book["scores"][name].get("KL (nats)")
        cells = [theirs[0], f"{ours[0]:.3f}", theirs[1], f"{ours[1]:.3f}"]
        cells.append(f"{kl:.0f}" if kl else "–")
        print(f"| {name} | {' | '.join(cells)} |")

    knn, tsne_map = book["knn_accuracy"], book["tsne_map"]
    print("\nClass separation: accuracy of 10 nearest neighbours, leave-one-out; chance is 10 %.\n")
    print("| latents | train: latent space | t-SNE map | test: latent space | t-SNE map |")
    print("|---|--:|--:|--:|--:|")
    for name in VAD:
        cells = []
        for part in ("train", "test"):
            z = latents[name][part]
            cells += [f"{knn(z, y[part]):.1%}", f"{knn(tsne_map(z), y[part]):.1%}"]
        print(f"| {name} | {' | '.join(cells)} |")
    pixels = [f"{knn(book[f'x_{part}'].flatten(1), y[part]):.1%} | –" for part in y]
    print(f"| (pixels) | {' | '.join(pixels)} |")

    print(f"\nThe whole notebook: {wall:.0f} s, {cpu:.0f} CPU-seconds. {machine()}")
    if worse:
        print(f"Not better than the report: {', '.join(worse)}")
    return len(worse) > 0


def run_notebook(assignment, options):
    """The names that a notebook's master defines, run as a script in `options.folder`.

    Runs saved there by an earlier call are loaded, as in the notebook.
    """
    root = options.root if options.root == "embedded" else os.path.abspath(options.root)
    os.environ["COURSE_DATA"] = root
    folder = Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            return runpy.run_path(str(ROOT / "solutions" / f"{assignment}.py"))
        except BaseException:
            print(printed.getvalue(), file=sys.stderr)
            raise


def machine():
    """The machine, its load and the date, for the line under a table."""
    load = f"load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads for "
        f"torch, {load}, {platform.system()}, Python {platform.python_version()}, "
        f"torch {torch.__version__}, {datetime.date.today()}"
    )


if __name__ == "__main__":
    main()
