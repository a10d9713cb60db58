"""What a fork and its parent have in common is made anew in the fork, by every interpreter of this machine."""

import json
import subprocess
import textwrap
from typing import Any

from tests.component.runtimes_python.conftest import ROOT

_AROUND = """
import asyncio, json, mmap, os, select, socket, sys, tempfile
sys.path.insert(0, {root!r})
from lambdad_runtime import separate
seen = {{}}
{before}
survey = separate.Survey(keep=(0, 1, 2))
told, tell = os.pipe()
if os.fork() == 0:
    survey.separate()
{inside}
    os.write(tell, json.dumps(seen).encode())
    os._exit(0)
os.wait()
answer = json.loads(os.read(told, 65536))
{after}
print(json.dumps(answer))
"""


def fork(executable: str, before: str, inside: str, after: str = "") -> Any:
    """`seen` of the fork; `after` runs in the parent and may add to `answer`."""
    program = _AROUND.format(
        root=str(ROOT),
        before=textwrap.dedent(before),
        inside=textwrap.indent(textwrap.dedent(inside), "    "),
        after=textwrap.dedent(after),
    )
    done = subprocess.run([executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_files_keep_their_position_and_do_not_share_it(any_interpreter: str) -> None:
    seen = fork(
        any_interpreter,
        """
        file = open("/usr/bin/env", "rb", buffering=0)
        file.seek(3)
        named = tempfile.NamedTemporaryFile("w+", dir="/tmp")
        named.write("abc")
        named.flush()
        nameless = tempfile.TemporaryFile("w+", dir="/tmp")
        nameless.write("secret")
        nameless.flush()
        """,
        """
        seen["at"] = file.tell()
        file.seek(100)
        nameless.seek(0)
        seen["nameless"] = nameless.read()
        nameless.write("own")
        nameless.flush()
        """,
        """
        answer["parent"] = file.tell()
        nameless.seek(0)
        answer["untouched"] = nameless.read()
        """,
    )
    assert seen == {"at": 3, "nameless": "secret", "parent": 3, "untouched": "secret"}


def test_pipes_pairs_and_events_work_and_are_separate(any_interpreter: str) -> None:
    seen = fork(
        any_interpreter,
        """
        reading, writing = os.pipe()
        one, other = socket.socketpair()
        """,
        """
        os.write(writing, b"p")
        one.sendall(b"s")
        seen["pipe"] = os.read(reading, 9).decode()
        seen["pair"] = other.recv(9).decode()
        os.write(writing, b"left behind")
        one.sendall(b"left behind")
        """,
        """
        answer["parent"] = select.select([reading, other], [], [], 0)[0]
        """,
    )
    assert seen == {"pipe": "p", "pair": "s", "parent": []}


def test_an_event_loop_goes_on_working(any_interpreter: str) -> None:
    seen = fork(
        any_interpreter,
        """
        loop = asyncio.new_event_loop()
        async def work():
            return await asyncio.get_running_loop().run_in_executor(None, lambda: 42)
        """,
        """
        seen["answer"] = loop.run_until_complete(asyncio.wait_for(work(), 5))
        """,
    )
    assert seen == {"answer": 42}


def test_an_epoll_set_is_not_shared(any_interpreter: str) -> None:
    seen = fork(
        any_interpreter,
        """
        one, other = socket.socketpair()
        poll = select.epoll()
        poll.register(other, select.EPOLLIN)
        """,
        """
        one.sendall(b"x")
        seen["here"] = [number == other.fileno() for number, _ in poll.poll(0)]
        late, early = socket.socketpair()
        poll.register(early, select.EPOLLIN)
        late.sendall(b"x")
        """,
        """
        answer["parent"] = poll.poll(0)
        """,
    )
    assert seen == {"here": [True], "parent": []}


def test_connections_are_broken(any_interpreter: str) -> None:
    seen = fork(
        any_interpreter,
        """
        server = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(server.getsockname())
        far, _ = server.accept()
        datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagram.bind(("127.0.0.1", 0))
        """,
        """
        seen["read"] = client.recv(10).decode()
        try:
            client.sendall(b"x")
        except OSError as error:
            seen["write"] = type(error).__name__
        try:
            server.accept()
        except OSError:
            seen["accept"] = "refused"
        """,
        """
        client.sendall(b"still there")
        answer["parent"] = far.recv(20).decode()
        """,
    )
    assert seen == {"read": "", "write": "BrokenPipeError", "accept": "refused", "parent": "still there"}


def test_shared_memory_keeps_its_content_and_is_not_shared(any_interpreter: str) -> None:
    seen = fork(
        any_interpreter,
        """
        memory = mmap.mmap(-1, 3 * 4096)
        memory[:5] = b"hello"
        file = tempfile.TemporaryFile(dir="/tmp")
        file.truncate(4096)
        mapped = mmap.mmap(file.fileno(), 4096)
        mapped[:3] = b"abc"
        """,
        """
        seen["memory"], seen["mapped"] = memory[:5].decode(), mapped[:3].decode()
        memory[:5] = b"other"
        mapped[:3] = b"xyz"
        """,
        """
        answer["parent"] = [memory[:5].decode(), mapped[:3].decode()]
        """,
    )
    assert seen == {"memory": "hello", "mapped": "abc", "parent": ["hello", "abc"]}
