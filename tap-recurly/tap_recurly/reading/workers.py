"""The threads that wait for the network, and what they may do in order of urgency."""

from __future__ import annotations

import queue
import threading
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tap_recurly.reading.buffers import Allowance

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

Item = TypeVar("Item")
Result = TypeVar("Result")

Tasks = queue.SimpleQueue[tuple[Future[Result], Item] | None]

MAX_PAGES_IN_MEMORY_BYTES = 4 << 20
"""Pages that may wait in memory for the writer, of all lists together."""

MAX_PAGES_WAITING_BYTES = 256 << 20
"""Pages that may wait, there or on disk, before only what is written out next is read on."""


class Work(Protocol):
    """Something that can be divided into tasks, such as reading a list."""

    def next_task(self) -> Callable[[], None] | None:
        """Take a task, None when there is none now; called with `WorkerPool.changed` held."""

    def stop(self) -> None:
        """Have no more tasks."""


class WorkerPool:
    """A number of threads that share out the tasks of one piece of work after the other.

    What somebody waits for has begun and comes first. What will be wanted later is prefetched, and
    done by connections that would stand idle, as long as something has begun.
    """

    def __init__(self, number: int, *, waiting: int = MAX_PAGES_WAITING_BYTES) -> None:
        self.number = number
        self.allowance = Allowance(MAX_PAGES_IN_MEMORY_BYTES, waiting)
        self.changed = threading.Condition()
        self._begun: list[Work] = []
        self._prefetched: list[Work] = []
        self._threads = 0

    def prefetch(self, work: Work) -> None:
        """Let connections that would stand idle begin with this."""
        with self.changed:
            self._prefetched.append(work)

    def begin(self, work: Work) -> None:
        """Put this before everything else."""
        with self.changed:
            self._forget(work)
            self._begun.insert(0, work)
            while self._threads < self.number:
                spawn(self._serve, f"connection-{self._threads}")
                self._threads += 1
            self.changed.notify_all()

    def end(self, work: Work) -> None:
        """Give this up or be done with it; without work the threads end."""
        with self.changed:
            self._forget(work)
            self.changed.notify_all()

    def close(self) -> None:
        """Give up everything."""
        for work in (*self._begun, *self._prefetched):
            work.stop()

    def _forget(self, work: Work) -> None:
        if work in self._begun:
            self._begun.remove(work)
        if work in self._prefetched:
            self._prefetched.remove(work)

    def _serve(self) -> None:
        while (task := self._next_task()) is not None:
            task()

    def _next_task(self) -> Callable[[], None] | None:
        with self.changed:
            while self._begun:
                for work in (*self._begun, *self._prefetched):
                    task = work.next_task()
                    if task is not None:
                        return task
                self.changed.wait()
            self._threads -= 1
            return None


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], *, connections: int
) -> Generator[Result, None, None]:
    """Apply a function that waits for the network to many items at once; results come in order.

    At most twice as many items as there are connections are taken ahead of the consumer. When it
    leaves early, or what it asked for failed, those that have not begun never do.
    """
    tasks: Tasks[Result, Item] = queue.SimpleQueue()
    waiting: deque[Future[Result]] = deque()
    threads = 0
    try:
        for item in items:
            future: Future[Result] = Future()
            tasks.put((future, item))
            waiting.append(future)
            if threads < connections:
                spawn(partial(_work_off, tasks, function), f"caller-{threads}")
                threads += 1
            if len(waiting) >= 2 * connections:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for unwanted in waiting:
            unwanted.cancel()
        for _ in range(threads):
            tasks.put(None)


def _work_off(tasks: Tasks[Result, Item], function: Callable[[Item], Result]) -> None:
    """Answer one task after the other, until there is None."""
    while (task := tasks.get()) is not None:
        future, item = task
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(function(item))
            except Exception as fault:  # noqa: BLE001 (it is raised again where the result is asked for)
                future.set_exception(fault)


def spawn(work: Callable[[], Any], name: str) -> None:
    """Start a thread that never keeps the process alive, even while it waits for an answer."""
    threading.Thread(target=work, name=name, daemon=True).start()
