"""The twin behind an address of this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server

from sandbox.telephony.mango_twin.twin import MangoTwin

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


@dataclass(frozen=True, slots=True)
class RunningMango:
    """A twin that answers at `url` (no slash at the end)."""

    twin: MangoTwin
    url: str


class _Handler(WSGIRequestHandler):
    def connection_dropped(self, error: BaseException, environ: WSGIEnvironment | None = None) -> None:
        """The twin wants no answer to be given: the client is hung up on."""
        self.close_connection = True

    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing: the twin has its own request log."""


@contextmanager
def serve(twin: MangoTwin, host: str = "127.0.0.1", port: int = 0) -> Iterator[RunningMango]:
    """Run a twin in its own thread on a free port (or the one given) as long as the context lasts."""
    server = make_server(host, port, twin, threaded=True, request_handler=_Handler)
    twin.resume()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="twin-mango")
    thread.start()
    try:
        yield RunningMango(twin, f"http://{host}:{server.port}")
    finally:
        twin.stop()
        server.shutdown()
        thread.join()
        server.server_close()
