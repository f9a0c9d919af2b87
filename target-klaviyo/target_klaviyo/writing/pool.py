"""A bounded pool of threads that do nothing but send requests, one each at a time.

All decisions are the main thread's: it hands out calls and collects answers. The one channel back
is a queue with a pipe beside it, so that the main thread can sleep on input and answers at once.
"""

from __future__ import annotations

import os
import select
import threading
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar

from target_klaviyo.klaviyo.exchange import Attempts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from target_klaviyo.klaviyo.endpoints import Answer, Call, Endpoint, NoAnswer

    Result = Answer | NoAnswer | BaseException


@dataclass(eq=False)
class Request:
    """A request to be sent until its answer is decisive."""

    endpoint: ClassVar[Endpoint]

    def __post_init__(self) -> None:
        self.attempts = Attempts()

    def call(self) -> Call:
        """The request; built anew each time, so that waiting ones hold no bodies."""
        raise NotImplementedError


class Pool:
    """`size` daemon threads; they never outlive the main thread, whatever they wait for."""

    def __init__(self, size: int, work: Callable[[Request], Answer | NoAnswer]) -> None:
        self.size = size
        self.busy = 0
        self._work = work
        self._jobs: SimpleQueue[Request | None] = SimpleQueue()
        self._results: SimpleQueue[tuple[Request, Result]] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._bell, self._ring = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._ring, False)

    @property
    def free(self) -> int:
        """Threads with nothing to do."""
        return self.size - self.busy

    def start(self, job: Request) -> None:
        """Hand a job to a thread; the caller minds `free`."""
        self.busy += 1
        if len(self._threads) < self.busy:
            thread = threading.Thread(target=self._run, name="klaviyo", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._jobs.put(job)

    def results(self) -> Iterator[tuple[Request, Answer | NoAnswer]]:
        """What has come back so far; raises what a job raised."""
        while True:
            try:
                job, result = self._results.get_nowait()
            except Empty:
                return
            self.busy -= 1
            if isinstance(result, BaseException):
                raise result
            yield job, result

    def sleep(self, seconds: float | None, source: Any = None) -> bool:
        """Sleep until a result comes, `wake` is called, or `source` can be read.

        Returns whether `source` can be read.
        """
        watched = [self._bell] if source is None else [self._bell, source]
        ready, _, _ = select.select(watched, [], [], seconds)
        if self._bell in ready:
            with suppress(BlockingIOError):
                os.read(self._bell, 65_536)
        return source is not None and source in ready

    def wake(self) -> None:
        """End a sleep; safe in signal handlers and other threads."""
        with suppress(OSError):  # the pipe is full, so it is awake, or the pool is closed
            os.write(self._ring, b"!")

    def close(self) -> None:
        """End the threads, which must all be idle, and close the pipe."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        os.close(self._bell)
        ring, self._ring = self._ring, -1
        os.close(ring)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                result: Result = self._work(job)
            except BaseException as error:  # noqa: BLE001  (handed to the main thread, which raises it)
                result = error
            self._results.put((job, result))
            self.wake()
