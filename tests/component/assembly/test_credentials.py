"""Whose credentials a request has, with signatures as botocore makes them."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lambdad.assembly.credentials import Keyring
from lambdad.assembly.root_keys import RootKeys
from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError
from lambdad.edge.authenticate import AnyCredentials, SignedRequests
from lambdad.iam import ids, sessions
from lambdad.iam.access import Access
from lambdad.iam.execution import ExecutionRoles
from lambdad.iam.sessions import Claims
from lambdad.testing.snapshots import make_version
from lambdad.wire.messages import Request
from lambdad.wire.signature import credential
from tests.component.services_iam.api import ACCOUNT, TRUST, Api

KEY = b"k" * 32
ROOT = "arn:aws:iam::000000000000:root"


class Doors:
    def __init__(self, api: Api, data_dir: Path) -> None:
        self.api = api
        access = Access(api.directory, time.time)
        roles = ExecutionRoles(api.directory, access, {}, time.time)
        self.keyring = Keyring(api.directory, roles, KEY, RootKeys(data_dir), 100.0)
        self.strict = SignedRequests(self.keyring.find, time.time)
        self.open = AnyCredentials("000000000000", self.strict)


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncIterator[Doors]:
    api = Api(time.time)
    await api.directory.start()
    yield Doors(api, tmp_path)
    await api.directory.close()
    api.substrate.close()


def signed(key: str, secret: str, token: str | None = None) -> Request:
    request = AWSRequest("GET", "http://localhost/2015-03-31/functions", headers={"host": "localhost"})
    SigV4Auth(Credentials(key, secret, token), "lambda", "us-east-1").add_auth(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Request("GET", "/2015-03-31/functions", "", headers, b"")


def admitted(door: Any, *credentials: str) -> Caller:
    request = signed(*credentials)
    caller: Caller = door.authenticate(request, credential(request), "request-1")
    return caller


def refused(door: Any, *credentials: str) -> str:
    with pytest.raises(CallerError) as caught:
        admitted(door, *credentials)
    return caught.value.code


async def test_a_users_key_is_that_users(doors: Doors) -> None:
    await doors.api.call("CreateUser", UserName="ann")
    key = (await doors.api.call("CreateAccessKey", UserName="ann"))["AccessKey"]
    identifier, secret = key["AccessKeyId"], key["SecretAccessKey"]
    for door in (doors.strict, doors.open):
        caller = admitted(door, identifier, secret)
        assert (caller.account, caller.principal_arn) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann")
        assert refused(door, identifier, "another secret") == "InvalidSignatureException"
        assert refused(door, identifier, secret, "a token") == "UnrecognizedClientException", "a user's key has none"
    await doors.api.call("UpdateAccessKey", UserName="ann", AccessKeyId=identifier, Status="Inactive")
    for door in (doors.strict, doors.open):
        assert refused(door, identifier, secret) == "UnrecognizedClientException", "it does not become root"


async def test_any_other_key_is_root_on_loopback_and_nobody_elsewhere(doors: Doors) -> None:
    assert admitted(doors.open, "test", "test").principal_arn == ROOT
    assert admitted(doors.open, "ASIAFOREIGN", "secret").principal_arn == ROOT
    assert admitted(doors.open, "ASIAFOREIGN", "secret", "a token of AWS itself").principal_arn == ROOT
    assert refused(doors.strict, "test", "test") == "UnrecognizedClientException"
    assert refused(doors.strict, "ASIAFOREIGN", "secret", "a token of AWS itself") == "UnrecognizedClientException"


async def test_the_root_users_key(doors: Doors, tmp_path: Path) -> None:
    key = RootKeys(tmp_path).make("999999999999")
    for door in (doors.strict, doors.open):
        caller = admitted(door, key.access_key_id, key.secret_access_key)
        assert (caller.account, caller.principal_arn) == ("999999999999", "arn:aws:iam::999999999999:root")
        assert refused(door, key.access_key_id, "another secret") == "InvalidSignatureException"


async def test_a_function_is_its_execution_role(doors: Doors) -> None:
    role = (await doors.api.call("CreateRole", RoleName="worker", Path="/team/", AssumeRolePolicyDocument=TRUST))["Role"]
    version = make_version("orders", account=ACCOUNT, role=role["Arn"])
    made = doors.keyring.of_function(version)
    given = (made["AWS_ACCESS_KEY_ID"], made["AWS_SECRET_ACCESS_KEY"], made["AWS_SESSION_TOKEN"])
    caller = admitted(doors.strict, *given)
    assert caller.principal_arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/orders"
    assert (caller.session.role, caller.session.role_id) == (role["Arn"], role["RoleId"])
    assert admitted(doors.strict, *given).session is caller.session, "a seal is looked at once"
    other = doors.keyring.of_function(version)
    other_key = given[0][:-1] + ("B" if given[0][-1] == "A" else "A")
    for door in (doors.strict, doors.open):
        assert refused(door, given[0], "another secret", given[2]) == "InvalidSignatureException"
        assert refused(door, other_key, given[1], given[2]) == "UnrecognizedClientException"
        assert refused(door, given[0], given[1], other["AWS_SESSION_TOKEN"]) == "UnrecognizedClientException"
        assert refused(door, given[0], given[1]) == "UnrecognizedClientException"


async def test_credentials_end(doors: Doors) -> None:
    claims = Claims(account=ACCOUNT, principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s", issued=1, expires=2)
    made = sessions.issue(claims, KEY, b"r" * ids.KEY_ID)
    given = (made.access_key_id, made.secret_access_key, made.session_token)
    assert refused(doors.strict, *given) == "ExpiredTokenException"
    assert refused(doors.open, *given) == "ExpiredTokenException", "what was lambdad's does not become root"


async def test_an_environments_credentials_outlive_it(doors: Doors) -> None:
    made = doors.keyring.of_function(make_version("orders", account=ACCOUNT))
    claims, _ = sessions.read(made["AWS_SESSION_TOKEN"], made["AWS_ACCESS_KEY_ID"], KEY, time.time())
    assert claims.expires >= time.time() + 100 + 900
