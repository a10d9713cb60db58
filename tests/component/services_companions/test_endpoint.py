"""A service at another endpoint: what arrives there, and whether its signature holds."""

import asyncio
import datetime
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from lambdad.domain.caller import Caller
from lambdad.domain.errors import NotImplementedOperation
from lambdad.edge.server import Server
from lambdad.services.companions.connection import CompanionFailed
from lambdad.services.companions.service import Companions
from lambdad.wire.match import Operations
from lambdad.wire.messages import Request, Response
from lambdad.wire.models import Models
from lambdad.wire.signature import Credential, credential
from lambdad.wire.sigv4 import SigningKeys, verify

pytestmark = pytest.mark.real_time

CALLER = Caller("111122223333", "eu-west-1", "request-1", "ASIA", "arn:aws:iam::111122223333:user/u")
MODELS = Models()


class There:
    """An application that remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[Request] = []

    def body_limit(self, request: Request) -> int:
        return 1_000_000

    def too_large(self, request: Request, size: int) -> Response:
        return Response(413)

    def handle(self, request: Request, respond: Callable[[Response], None]) -> None:
        self.seen.append(request)
        respond(Response(200, [("x-amzn-RequestId", "theirs")], b"there"))

    def signed_with(self, secret: str) -> Credential:
        """That of the last request, whose signature holds."""
        request = self.seen[-1]
        found = credential(request)
        verify(request, found, secret, time.time(), keys=SigningKeys())
        return found


@pytest.fixture
def there() -> There:
    return There()


@pytest.fixture
async def port(there: There) -> AsyncIterator[int]:
    server = Server(there)
    _, found = await server.listen("127.0.0.1", 0)
    yield found
    await server.close(0)


@pytest.fixture(autouse=True)
def _profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(
        "[profile dev]\naws_access_key_id = AKIADEV\naws_secret_access_key = hidden\n[profile empty]\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


async def ask(directory: Path, service: str, address: str, request: Request) -> Response:
    found = Companions(directory, [], None, installed=False, endpoints={service: address})
    assert found.serves(service) and not found.serves("kinesis")
    model = MODELS.load(service)
    match = Operations(model).find(request)
    assert match is not None
    response = await found.forward(CALLER, model, match.operation.name, match, request)
    await found.close()
    return response


def get_item() -> Request:
    headers = {
        "host": "localhost:4566",
        "authorization": "AWS4-HMAC-SHA256 Credential=ASIA/20261126/eu-west-1/dynamodb/aws4_request",
        "x-amz-security-token": "the caller's own",
        "x-amz-date": "20000101T000000Z",
        "x-amz-target": "DynamoDB_20120810.GetItem",
    }
    return Request("POST", "/", "", headers, b'{"TableName":"t"}')


async def test_without_a_profile_the_account_is_the_key(tmp_path: Path, there: There, port: int) -> None:
    response = await ask(tmp_path, "dynamodb", f"http://127.0.0.1:{port}", get_item())
    assert (response.status, response.body) == (200, b"there")
    assert dict(response.headers)["x-amzn-RequestId"] == "request-1"
    found = there.signed_with("lambdad")
    assert (found.access_key_id, found.region, found.service) == ("111122223333", "eu-west-1", "dynamodb")
    (seen,) = there.seen
    assert seen.body == b'{"TableName":"t"}'
    assert seen.headers["host"] == f"127.0.0.1:{port}"
    assert seen.headers["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert not {"x-amz-security-token", "x-moto-account-id", "x-lambdad-operation"} & set(seen.headers)


@pytest.mark.parametrize(
    ("service", "request_"),
    [
        ("dynamodb", get_item()),
        ("sns", Request("POST", "/", "", {}, b"Action=Publish&Message=a+%C3%BC")),
        ("s3", Request("PUT", "/b/a%20b%2B/%C3%BC", "", {"content-type": "text/plain"}, b"hello")),
        ("s3", Request("GET", "/b", "list-type=2&prefix=a%20b%2F&delimiter=%2F", {})),
    ],
)
async def test_a_profile_signs(tmp_path: Path, there: There, port: int, service: str, request_: Request) -> None:
    await ask(tmp_path, service, f"http://127.0.0.1:{port},dev", request_)
    assert there.signed_with("hidden").access_key_id == "AKIADEV"


async def test_a_profile_without_credentials(tmp_path: Path, port: int) -> None:
    with pytest.raises(CompanionFailed, match="no credentials for http"):
        await ask(tmp_path, "dynamodb", f"http://127.0.0.1:{port},empty", get_item())


async def test_nobody_is_there(tmp_path: Path) -> None:
    with pytest.raises(CompanionFailed, match=r"http://127\.0\.0\.1:1 can't be reached"):
        await ask(tmp_path, "dynamodb", "http://127.0.0.1:1", get_item())


async def test_signed_chunks_are_refused(tmp_path: Path, there: There, port: int) -> None:
    headers = {"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}
    with pytest.raises(NotImplementedOperation, match="signed chunks"):
        await ask(tmp_path, "s3", f"http://127.0.0.1:{port}", Request("PUT", "/b/k", "", headers, b"5;chunk-signature=0"))
    assert there.seen == []


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of localhost, signed by itself, with its key in the same file."""
    pytest.importorskip("cryptography", reason="comes with moto: pip install 'lambdad[companions]'")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    pem = serialization.Encoding.PEM
    text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(text + made.public_bytes(pem))
    return file


@pytest.mark.parametrize("trusted", [True, False])
async def test_certificates_are_verified(
    tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecure")
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    address = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert (await ask(tmp_path, "dynamodb", address, get_item())).body == b"secure"
    else:
        with pytest.raises(CompanionFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await ask(tmp_path, "dynamodb", address, get_item())
    server.close()
    await server.wait_closed()
