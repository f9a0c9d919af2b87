"""An ASGI application as a real HTTP server on localhost, in a thread of its own."""

from __future__ import annotations

import os
import socket
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from starlette.types import ASGIApp
    from typing_extensions import Self

LOOPBACK = "127.0.0.1"


class Service(ABC):
    """Something that serves between `start` and `stop`; a context manager that does both."""

    @abstractmethod
    def start(self) -> None:
        """Serve from now on."""

    @abstractmethod
    def stop(self) -> None:
        """Close the port, or each of them."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class LocalServer(Service):
    """Serves `app` on 127.0.0.1; port 0 picks a free one.

    The server adds no `Date` or `Server` header: the services answer with their own clock.

    Raises:
        OSError: When the port is taken; its `strerror` is a sentence that says what to do.
    """

    def __init__(self, app: ASGIApp, *, port: int = 0) -> None:
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                interface="asgi3",
                http="httptools",
                lifespan="off",
                log_level="critical",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name=f"sandbox-{self.port}"
        )

    @property
    def url(self) -> str:
        """Base URL without a trailing slash, as a product's `api_url` wants it."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Serve from now on; early connections wait in the backlog."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port and wait for the thread."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()


def _listen(port: int) -> socket.socket:
    try:
        listener = socket.create_server((LOOPBACK, port), backlog=1024)
    except OSError as error:
        sentence = (
            f"Port {port} is not to be had ({os.strerror(error.errno or 0)}): "
            "end what listens there, or choose another port."
        )
        raise OSError(error.errno, sentence) from error
    # Accepted connections inherit this. Without it a header and its body travel as two packets, and
    # the second waits 40 ms for the client's delayed acknowledgement of the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
