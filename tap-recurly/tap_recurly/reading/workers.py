"""Threads that wait for the network, so that others need not."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import repeat, takewhile
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from concurrent.futures import Future

    from tap_recurly.http.pages import Page

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], *, connections: int
) -> Generator[Result, None, None]:
    """Apply a function that waits for the network to many items at once; results come in order.

    At most twice as many items as there are connections are taken ahead of the consumer. When it
    leaves early, or what it asked for failed, those that have not begun never do.
    """
    executor = ThreadPoolExecutor(connections, "caller-")
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(executor.submit(function, item))
            if len(waiting) >= 2 * connections:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def read_ahead(pages: Iterator[Page]) -> Generator[Page, None, None]:
    """The same pages; the next ones are asked for while this one is used."""
    with closing(in_order(lambda _: next(pages, None), repeat(None), connections=1)) as following:
        yield from takewhile(lambda page: page is not None, following)
