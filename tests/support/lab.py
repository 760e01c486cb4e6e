"""JupyterLab, and Notebook 7 beside it, in a folder of its own: for tests in a real browser."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat

OPTIONS = [
    "--no-browser",
    "--ServerApp.token=",
    "--ServerApp.password=",
    "--allow-root",
    "--LabApp.expose_app_in_browser=True",
    "--JupyterNotebookApp.expose_app_in_browser=True",
    "--ServerApp.disable_check_xsrf=True",
    "--LabApp.news_url=None",
]
IDLE = """() => window.jupyterapp?.shell.currentWidget?.context?.sessionContext
            ?.session?.kernel?.status === 'idle'"""


@contextlib.contextmanager
def serve(folder):
    """Runs JupyterLab in this folder; gives its address. RuntimeError when it does not start.

    Below it, /lab/tree/NAME.ipynb is JupyterLab and /notebooks/NAME.ipynb is Notebook 7.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"COURSE_DATA": "embedded", "JUPYTER_CONFIG_DIR": str(folder / "c")}
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.port={port}", *OPTIONS]
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/api", server, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        # Nothing in it is to be kept, and asked to end it waits for its kernels: on a busy machine
        # longer than anybody would. Kernels notice that their server is gone.
        server.kill()
        server.wait()


def wait_for(url, server, log, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            return urllib.request.urlopen(url, timeout=5).read()
        except OSError:
            time.sleep(0.2)  # the server tells nobody when it is ready
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")


def write(path, cells):
    """A notebook of these code cells."""
    made = nbformat.v4.new_notebook()
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    made.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(made, path)


def run_all(page):
    """Runs all cells of the notebook that is open in this page, once its kernel is ready."""
    page.wait_for_function(IDLE, timeout=120_000)
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
