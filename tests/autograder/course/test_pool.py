"""Workers on this machine: over pipes, replaced when they are lost, gone when nobody is there."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from autograder.course import pool
from autograder.errors import Stopped
from autograder.release import build


@pytest.fixture
def workers():
    found = pool.Processes(2)
    yield found
    found.close()


def pids(workers):
    return [process.pid for _, process in workers._idle] + [
        p.pid for p, *_ in workers._busy.values()
    ]


def test_an_error_of_a_worker_comes_back_as_the_error_of_its_submission(workers):
    workers.submit("ada", "another kit", [])
    name, answer = workers.next()
    assert name == "ada" and isinstance(answer, Stopped) and "another version" in str(answer)


def test_a_submission_that_kills_every_worker_is_given_up_and_others_go_on(workers):
    workers.submit("ada", "kit", [])
    for _ in range(pool.ATTEMPTS):
        [(process, *_)] = workers._busy.values()
        process.kill()
        process.join()
        if workers._attempts["ada"] < pool.ATTEMPTS:
            [pipe] = workers._busy
            assert workers._heard(pipe) is None
            workers._deal()
    name, answer = workers.next()
    assert name == "ada" and isinstance(answer, pool.Lost)
    workers.submit("bo", "another kit", [])
    assert workers.next()[0] == "bo"


def test_a_worker_lost_while_it_has_nothing_to_do_is_replaced(workers):
    for _, process in workers._idle:
        process.kill()
        process.join()
    workers.submit("ada", "another kit", [])
    assert workers.next()[0] == "ada"


def test_workers_end_when_the_pool_is_closed():
    found = pool.Processes(2)
    there = pids(found)
    found.close()
    assert not any(map(psutil.pid_exists, there))


KILLED = """
import sys, time
from autograder.course import pool
found = pool.Processes(2)
print(*[process.pid for _, process in found._idle], flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_a_coordinator_that_is_killed(number):
    run = subprocess.Popen(
        [sys.executable, "-c", KILLED],
        cwd=build.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    there = [psutil.Process(int(pid)) for pid in run.stdout.readline().split()]
    run.send_signal(number)
    run.wait()
    gone, alive = psutil.wait_procs(there, timeout=60)
    assert not alive


def test_workers_listen_nowhere():
    def addresses(pid):
        found = psutil.Process(pid).net_connections(kind="all")
        return {(c.fd, c.laddr) for c in found if c.laddr}

    mine = addresses(os.getpid())  # what this process had open before is none of the pool's
    workers = pool.Processes(2)
    try:
        workers.submit("ada", "another kit", [])
        workers.next()
        assert not addresses(os.getpid()) - mine
        assert not any(map(addresses, pids(workers)))
    finally:
        workers.close()
