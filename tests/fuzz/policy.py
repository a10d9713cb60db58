"""Policy documents: a policy that can be asked, or MalformedPolicy. KIND (1 byte) and a text in UTF-8."""

import json
from typing import get_args

from lambdad.iam.evaluate import NamedPolicy, Policies, Request, decide, denial, explain
from lambdad.iam.policies import MalformedPolicy, PolicyKind, parse
from lambdad.iam.principals import Principal

_KINDS: tuple[PolicyKind, ...] = get_args(PolicyKind)
_STATEMENT = {
    "Sid": "a",
    "Effect": "Allow",
    "Action": ["s3:Get*", "lambda:Invoke?unction"],
    "Resource": "arn:aws:s3:::b/${aws:username}/*",
}
_CONDITION = {
    "StringLikeIfExists": {"aws:PrincipalTag/team": ["b*", "${aws:nothing, 'x'}"]},
    "ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]},
    "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
    "DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"},
    "NumericGreaterThanEquals": {"s3:max-keys": 10},
    "Bool": {"aws:SecureTransport": False},
    "ArnNotLike": {"aws:SourceArn": "arn:aws:sns:*:1:*"},
    "Null": {"aws:x": "true"},
    "BinaryEquals": {"k": "QQ=="},
}
_TRUST = {
    "Effect": "Allow",
    "Principal": {"AWS": ["111122223333", "*"], "Service": "lambda.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


def _document(*statements: object, version: str = "2012-10-17") -> bytes:
    return json.dumps({"Version": version, "Id": "i", "Statement": list(statements)}).encode()


SEEDS = [
    b"0" + _document(_STATEMENT),
    b"0" + _document({**_STATEMENT, "Condition": _CONDITION}),
    b"1" + _document({**_STATEMENT, "Principal": "*", "Condition": _CONDITION}, version="2008-10-17"),
    b"1"
    + _document({"Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::1:user/a"}, "NotAction": "*", "NotResource": ["a*"]}),
    b"2" + _document(_TRUST),
    b"3" + _document({"Effect": "Deny", "NotAction": ["iam:*"], "Resource": "*"}),
    b"4" + _document(_STATEMENT, {"Effect": "Deny", "Action": "*", "Resource": ["*"]}),
]

_CONTEXT = {
    "aws:username": "ann", "aws:tagkeys": ("a", "b"), "aws:sourceip": "10.1.2.3", "aws:currenttime": "2025-01-01T00:00:00Z",
    "s3:max-keys": "11", "aws:securetransport": "false", "aws:sourcearn": "arn:aws:sns:r:1:t", "aws:principaltag/team": "blue",
}  # fmt: skip


def check(data: bytes) -> None:
    if data[:1] not in (b"0", b"1", b"2", b"3", b"4"):
        return
    kind = _KINDS[int(data[:1])]
    try:
        policy = parse(data[1:].decode(errors="replace"), kind)
    except MalformedPolicy as error:
        assert error.message.encode()
        return
    named = NamedPolicy("p", policy)
    principal = Principal("arn:aws:iam::111122223333:user/ann", "111122223333", "user")
    policies = {
        "identity": Policies(identity=[named]),
        "resource": Policies(resource=named),
        "trust": Policies(resource=named),
        "boundary": Policies(boundary=named),
        "session": Policies(session=[named]),
    }[kind]
    for action in ("s3:GetObject", "sts:AssumeRole"):
        request = Request(principal, action, "arn:aws:s3:::b/ann/x", "111122223333", _CONTEXT)
        decision = decide(request, policies)
        assert decision == decide(request, policies)
        if decision.allowed:
            assert kind in ("identity", "resource", "trust"), "a bound allows nothing by itself"
        else:
            assert denial(request, decision)
        explain(request, policies)
