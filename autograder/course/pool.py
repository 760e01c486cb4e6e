"""Where notebooks are executed ahead of nbgrader: in processes of this machine, or on a cluster.

A pool takes the notebooks of one submission at a time under a name (`submit`), and gives back what
came of some submission (`next`): its results, or the error that kept it from being executed.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import warnings
from collections import defaultdict, deque
from multiprocessing import connection

from autograder.errors import Stopped, WrongCall
from autograder.exam import room, server
from autograder.exam.walls.common import Limits

ATTEMPTS = 3  # workers that one submission may lose
CONNECT_SECONDS = 10
WORKER_SECONDS = 60
END_SECONDS = 10
IDLE_LOSSES = 10  # workers that may end while they have nothing to do
LOST = "every worker that ran this submission was killed"

Result = tuple[str, list | Exception]  # of which submission, and a result for each of its notebooks


class Processes:
    """Workers that are processes of this machine, each at the other end of a pipe.

    A pipe has no name and no port: nobody else can reach it. A worker that is lost is replaced, and
    its submission executed again; workers end when this process does, however that ends. isolated:
    whether they will need a warm server.
    """

    def __init__(self, workers: int, isolated: bool = True):
        self.size, self._losses, self._isolated = workers, 0, isolated
        self._start = multiprocessing.get_context("spawn")
        self._idle, self._busy = [self._worker() for _ in range(workers)], {}
        self._waiting, self._attempts = deque(), {}

    def submit(self, name: str, *work) -> None:
        """Have `worker.executed(*work)` called."""
        self._waiting.append((name, work))
        self._deal()

    def next(self) -> Result:
        """Wait for what came of a submission; the first that is ready. Stopped where workers
        cannot start.
        """
        while True:
            ready = connection.wait([*self._busy, *(process.sentinel for _, process in self._idle)])
            for pair in [pair for pair in self._idle if pair[1].sentinel in ready]:
                self._idle.remove(pair)
                self._replace(pair)
            for pipe in [pipe for pipe in ready if pipe in self._busy]:
                result = self._heard(pipe)
                self._deal()
                if result is not None:
                    return result
            self._deal()

    def close(self) -> None:
        """End all workers, and what they have started."""
        pairs = [*self._idle, *((pipe, process) for pipe, (process, *_) in self._busy.items())]
        for pipe, process in pairs:
            pipe.close()
            process.terminate()
        for _, process in pairs:
            process.join(END_SECONDS)
            process.kill()
            process.join()
        self._idle, self._busy = [], {}

    def _worker(self):
        here, there = self._start.Pipe()
        process = self._start.Process(target=_serve, args=(there, self._isolated), daemon=True)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # until it answers for itself
        try:
            process.start()
        finally:
            signal.signal(signal.SIGINT, before)
        there.close()
        return here, process

    def _replace(self, pair) -> None:
        """Another worker for one that has ended with nothing to do."""
        self._losses += 1
        if self._losses > IDLE_LOSSES:
            raise Stopped("workers end as soon as they have started")
        self._renew(*pair)

    def _renew(self, pipe, process) -> None:
        pipe.close()
        process.join()
        self._idle.append(self._worker())

    def _deal(self) -> None:
        while self._waiting and self._idle:
            pipe, process = self._idle.pop(0)
            name, work = self._waiting.popleft()
            try:
                pipe.send(work)
            except OSError:
                self._waiting.appendleft((name, work))
                self._replace((pipe, process))
            else:
                self._attempts[name] = self._attempts.get(name, 0) + 1
                self._busy[pipe] = process, name, work

    def _heard(self, pipe) -> Result | None:
        process, name, work = self._busy.pop(pipe)
        try:
            answer = pipe.recv()
        except (EOFError, OSError):
            self._renew(pipe, process)
            if self._attempts[name] < ATTEMPTS:
                self._waiting.appendleft((name, work))
                return None
            answer = Lost(LOST)
        else:
            self._idle.append((pipe, process))
        del self._attempts[name]
        return name, answer


class Lost(Exception):
    """A submission lost every worker that it came to."""


def _serve(pipe, isolated: bool) -> None:
    """A worker: executes what comes through the pipe until its other end is closed."""
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is the coordinator's to answer
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # closes boxes and the warm server
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if isolated:
        server.begin()  # it warms up while this process imports torch
    from autograder.course import worker

    try:
        while True:
            work = pipe.recv()
            try:
                answer = worker.executed(*work)
            except Exception as error:
                answer = _portable(error)
            pipe.send(answer)
    except (EOFError, OSError):
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # nothing is to stop the closing of boxes


def _portable(error: Exception) -> Exception:
    """The error, or what it says, where it is of a kind that cannot be sent."""
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")


def _end_with_parent() -> None:
    """A coordinator that is killed cannot end its workers."""
    connection.wait([multiprocessing.parent_process().sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


class Cluster:
    """The workers of a dask scheduler. WrongCall where none answers, one has another kit, or a
    machine has more of them than room, or not the wall asked for. limits: of a submission. wall:
    its name and the weakest that will do (see `exam.walls.choose`).

    Over TLS where the address begins with tls:// (dask's own configuration names the certificates);
    over tcp:// everybody who reaches the scheduler can run code on it.
    """

    def __init__(self, scheduler: str, limits: Limits, wall: tuple = (None, None)):
        from distributed import Client, as_completed

        # It holds a submission's files, which no other task shares: nothing to do about it.
        warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        try:
            self._client = Client(scheduler, timeout=CONNECT_SECONDS)
        except (OSError, TimeoutError, TypeError, ValueError) as error:
            raise WrongCall(f"no dask scheduler answers at {scheduler}: {said(error)}") from None
        try:
            self._lost = f"lost the scheduler {scheduler}"
            self._flow, self._names = as_completed(), {}
            try:
                self._client.wait_for_workers(1, timeout=WORKER_SECONDS)
            except TimeoutError:
                raise WrongCall(f"the scheduler {scheduler} has no workers") from None
            self._same_kit()
            self._same_wall(*wall)
            self._admit(limits, *wall)
        except BaseException:
            self._client.close()
            raise

    @property
    def size(self) -> int:
        """Workers at this moment."""
        return sum(self._client.nthreads().values())

    def submit(self, name: str, *work) -> None:
        """As of `Processes`. Stopped when the scheduler is lost."""
        from autograder.course import worker

        with self._connected():
            future = self._client.submit(worker.executed, *work, pure=False)
            self._names[future.key] = name
            self._flow.add(future)

    def next(self) -> Result:
        """As of `Processes`. Stopped when the scheduler is lost."""
        from distributed import CancelledError
        from distributed.comm import CommClosedError
        from distributed.scheduler import KilledWorker

        with self._connected():
            future = next(self._flow)
            name = self._names.pop(future.key)
            try:
                return name, future.result()
            except KilledWorker:
                return name, Lost(LOST)
            except (CancelledError, CommClosedError):
                raise Stopped(self._lost) from None
            except Exception as problem:
                return name, problem

    def close(self) -> None:
        self._client.close()

    @contextlib.contextmanager
    def _connected(self):
        from distributed.comm import CommClosedError

        try:
            yield
        except (CommClosedError, OSError, TimeoutError, StopIteration) as problem:
            raise Stopped(f"{self._lost}: {said(problem)}") from None

    def _same_kit(self) -> None:
        from autograder.course import worker

        found = self._client.run(worker.kit_version, on_error="return")
        for address, kit in found.items():
            if isinstance(kit, Exception):
                raise WrongCall(f"the worker {address} cannot load the kit: {said(kit)}")
            if kit != worker.kit_version():
                raise WrongCall(
                    f"the worker {address} has another version of the kit ({kit[:8]}, here "
                    f"{worker.kit_version()[:8]}): install the same one everywhere and restart the "
                    "workers"
                )

    def _same_wall(self, rung: str | None, minimum: str | None) -> None:
        from autograder.course import worker

        found = self._client.run(worker.wall, rung, minimum, on_error="return")
        for address, wall in found.items():
            if isinstance(wall, Exception):
                raise WrongCall(f"the worker {address} cannot isolate: {said(wall)}")

    def _admit(self, limits: Limits, rung: str | None, minimum: str | None) -> None:
        from autograder.course import worker

        there, taken = defaultdict(list), {}
        places = self._client.run(worker.place, limits, rung, minimum)
        for machine, free, memory in places.values():
            there[machine].append(free)
            taken[machine] = max(memory, taken.get(machine, 0))
        for machine, free in there.items():
            least, memory = None if None in free else min(free), taken[machine]
            fit = room.boxes(memory, len(free), least)
            if fit < len(free):
                raise WrongCall(
                    f"{machine} has {len(free)} workers, and memory for {fit} "
                    f"({least / room.GIBI:.2g} GiB are free there, and a submission may use "
                    f"{memory / room.GIBI:.3g}): start fewer"
                )


def said(error: BaseException) -> str:
    """An error in one line."""
    return " ".join(str(error).split())[:500] or type(error).__name__
