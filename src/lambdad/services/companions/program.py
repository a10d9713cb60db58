"""What runs in a process of its own: `python -m lambdad.services.companions.program PARENT [--confined] DESCRIPTOR`.

moto's WSGI applications on a Unix socket that is inherited, listening. Ends with lambdad (PR_SET_PDEATHSIG, prctl(2)).

Confined, it has a network of its own with nothing in it: moto does deliver notifications of SNS to any URL, for example, and a
function has no other way out of its sandbox. Docker, which moto would run containers with, is not there for it in any case.
"""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lambdad.sandbox.launcher import kernel
from lambdad.services.companions.forward import BACKEND, OPERATION

log = logging.getLogger("lambdad.companions")

_BACKEND = "HTTP_" + BACKEND.upper().replace("-", "_")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def confine() -> None:
    """A network namespace without an interface that is up; a user namespace too where that takes one. Raises OSError."""
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(kernel.NEWNET if uid == 0 else kernel.NEWNET | kernel.NEWUSER)
    if uid != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123
                file.write(text)
        kernel.drop_capabilities()  # Those over the new namespaces.


def end_with(parent: int) -> None:
    """Ends at once if it has ended already. After `confine`, which would undo it."""
    kernel.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("lambdad has gone")


class Application:
    """WSGI (PEP 3333): the request names its backend; moto's own dispatcher would guess, and let paths of buckets reset it."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make
        self._made: dict[str, Any] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        name = environ[_BACKEND]
        try:
            application = self._made.get(name)
            if application is None:
                application = self._made.setdefault(name, self._make(name))
            answer: Iterable[bytes] = application(environ, start_response)
            return answer
        except NotImplementedError:
            status = "501 Not Implemented"
        except Exception:
            log.exception("moto failed in %s of %s", environ.get("HTTP_X_LAMBDAD_OPERATION"), name)
            status = "502 Bad Gateway"
        start_response(status, [("Content-Length", "0")])
        return []


def pin(responses: Any) -> None:
    """Make moto's base class of services do what lambdad has allowed: the operation that the header names, and parameters from
    the query only if they are there, and not out of the text of a JSON body that reads like a query."""
    set_up = responses.setup_class

    def setup_class(self: Any, request: Any, *rest: Any, **named: Any) -> None:
        if request.method == "PUT":
            request.get_data()  # An object that says it is a form stays in one piece.
        set_up(self, request, *rest, **named)
        if request.method != "POST" or not (request.content_type or "").startswith(_FORMS):
            self.querystring = self.data = parse_qs(urlsplit(self.uri).query, keep_blank_values=True)

    def get_action(self: Any) -> str:
        if "x-amz-target" not in self.headers and "Action" not in self.querystring:
            self._get_action_from_method_and_request_uri(self.normalized_request)  # it keeps what is in the path
        return str(self.headers[OPERATION])

    responses.setup_class = setup_class
    responses._get_action = get_action


def serve(descriptor: int) -> None:
    sys.modules["docker"] = None  # type: ignore[assignment]
    from moto.core.responses import BaseResponse
    from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    handler: Any = MotoRequestHandler
    handler.log_request = lambda *_: None
    pin(BaseResponse)
    server = make_server(
        "unix://companions", 0, Application(create_backend_app), threaded=True, request_handler=handler, fd=descriptor
    )
    server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("parent", type=int)
    parser.add_argument("--confined", action="store_true")
    parser.add_argument("descriptor", type=int)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if options.confined:
        confine()
    end_with(options.parent)
    kernel.no_new_privileges()
    with suppress(OSError):  # What is volatile goes first where memory is short; proc(5).
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write("500")
    serve(options.descriptor)


if __name__ == "__main__":
    main()
