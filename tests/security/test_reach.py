"""Whatever of the host and of other functions an attacker looks for is not there, or not theirs."""

import json
import os
import socket
from pathlib import Path

from tests.acceptance.functions import Function, Maker
from tests.acceptance.server import Server
from tests.security.functions import ATTACKER, SECRET

REFUSED = {"EPERM", "EACCES", "ENOENT", "ENOTDIR", "EROFS"}


def test_the_hosts_files(attacker: Function, server: Server, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text(SECRET)
    wanted = [
        "/etc/shadow", "/root/.bashrc", "/root/.ssh/id_rsa", "/proc/1/root/etc/shadow", "/proc/1/cwd/etc/shadow", "/proc/kcore",
        "/proc/kmsg", "/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/sda", "/sys/kernel/debug/x", "/run/docker.sock",
        "/.lambdad/host/etc/passwd", str(tmp_path / "hosts"), str(server.data_dir), str(Path(__file__)),
        "/proc/self/root" + str(tmp_path / "hosts"), "/var/task/../../../../.." + str(tmp_path / "hosts"),
    ]  # fmt: skip
    found = attacker.invoke({"wanted": wanted, "source": "answer = {path: outcome(read, path) for path in event['wanted']}"})
    assert {path: how for path, how in found.items() if how not in REFUSED} == {}


def test_another_functions_code_variables_tmp_and_processes(attacker: Function, victim: Function) -> None:
    source = """
import itertools
hits, seen = [], 0
for place in ("/tmp", "/var/task", "/opt", "/home", "/root", "/dev", "/run", "/mnt", "/srv", "/.lambdad", "/etc", "/var"):
    for directory, _names, files in os.walk(place):
        if directory.startswith(("/var/lang", "/var/runtime")):
            continue
        for name in files:
            path = os.path.join(directory, name)
            if stat.S_ISREG(os.lstat(path).st_mode) and os.access(path, os.R_OK):
                seen += 1
                if event["secret"].encode() in read(path):
                    hits.append(path)
pids = [name for name in os.listdir("/proc") if name.isdigit()]
for pid, name in itertools.product(pids, ("environ", "cmdline", "maps")):
    try:
        if event["secret"].encode() in read(f"/proc/{pid}/{name}"):
            hits.append(pid)
    except OSError:
        pass
answer = [hits, seen > 0, sorted(map(int, pids)) == [1, os.getpid()], event["secret"] in os.environ.values()]
"""
    assert attacker.invoke({"secret": SECRET, "source": source}) == [[], True, True, False]


def test_descriptors_are_those_that_belong(make: Maker) -> None:
    """In an environment of its own: what others had opened would be there, too."""
    source = """
answer = {}
for name in os.listdir("/proc/self/fd"):
    try:
        answer[name] = os.readlink("/proc/self/fd/" + name).partition(":")[0]
    except OSError:
        pass  # the directory that was being listed
"""
    found = make.python_function(ATTACKER).invoke({"source": source})
    assert {name: found.pop(name, None) for name in "01234"} == {
        "0": "/dev/null", "1": "socket", "2": "socket", "3": "socket", "4": "socket",
    }  # fmt: skip
    assert [what for what in found.values() if what not in ("/dev/urandom",) and not what.startswith("/proc/")] == []


def test_sockets_of_the_host_and_of_others(attacker: Function, server: Server, victim: Function) -> None:
    with socket.socket(socket.AF_UNIX) as abstract, socket.create_server(("0.0.0.0", 0)) as everywhere:
        name = f"lambdad-test-{os.getpid()}"
        abstract.bind("\0" + name)
        abstract.listen()
        addresses = [
            ("127.0.0.1", server.port), ("127.0.0.1", everywhere.getsockname()[1]), ("10.0.0.1", 80), ("169.254.169.254", 80),
            ("0.0.0.0", server.port),
        ]  # fmt: skip
        source = """
def connect(family, address):
    with socket.socket(family) as one:
        one.settimeout(3)
        one.connect(address)
unix = socket.socket(socket.AF_UNIX)
answer = [
    [outcome(connect, socket.AF_INET, tuple(address)) for address in event["addresses"]],
    outcome(unix.connect, chr(0) + event["name"]),
    [line.split()[-1] for line in open("/proc/net/unix").read().splitlines()[1:] if "@" in line or "/" in line],
    [name for _, name in socket.if_nameindex()],
]
"""
        tcp, unix, listed, interfaces = attacker.invoke({"addresses": addresses, "name": name, "source": source})
    assert set(tcp) <= {"ECONNREFUSED", "ENETUNREACH"}
    assert (unix, listed, interfaces) == ("ECONNREFUSED", [], ["lo"])


def test_the_endpoint_inside_tells_nothing_of_the_installation(attacker: Function, victim: Function) -> None:
    """lambdad's own view of its environments is for the host alone."""
    source = """
import urllib.request, urllib.error
answer = []
for path in ("/_lambdad/state", "/_lambdad/metrics", "/_lambdad/../_lambdad/state", "//_lambdad/state", "/%5flambdad/state"):
    try:
        answer.append(urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + path, timeout=5).read().decode())
    except urllib.error.HTTPError as error:
        answer.append(error.code)
"""
    found = attacker.invoke({"source": source})
    assert all(isinstance(one, int) and one >= 400 for one in found), found


def test_accounts_of_others_by_other_credentials(attacker: Function, victim: Function) -> None:
    """Keys that lambdad did not give out are nobody's, and its own can't be bent to another secret or another session."""
    source = """
import base64, boto3, os
from botocore.exceptions import ClientError
own = [os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")]
token = base64.b64decode(own[2])
bent = base64.b64encode(token.replace(b"000000000000", b"999999999999")).decode()
assert bent != own[2], "the account is in the token"
tried = [("999999999999", "x", None), (own[0], "x", own[2]), (own[0], own[1], bent), (own[0], own[1], None)]
answer = []
for key, secret, session in tried:
    client = boto3.client("lambda", aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=session)
    try:
        answer.append(client.get_function_configuration(FunctionName=context.function_name)["FunctionArn"])
    except ClientError as error:
        answer.append(error.response["Error"]["Code"])
"""
    unknown = "UnrecognizedClientException"
    assert attacker.invoke({"source": source}) == [unknown, "InvalidSignatureException", unknown, unknown]


def test_nonsense_on_the_channel_hurts_only_oneself(attacker: Function, victim: Function) -> None:
    for nonsense in ("os.urandom(100_000)", "b'\\xff' * 8", "struct.pack('>BBHI', 17, 0, 0xffff, 0xffffffff)"):
        source = f"os.write(3, {nonsense}); time.sleep(30)"
        answer = attacker.call({"source": source})
        assert answer["FunctionError"] == "Unhandled"
        assert json.loads(answer["Payload"].read())["errorType"].startswith(("Runtime.", "Sandbox.", "Extension."))
        assert victim.invoke()["secret"] == SECRET
