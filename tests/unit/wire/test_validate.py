import pytest

from lambdad.domain.errors import ValidationError
from lambdad.wire.models import Models
from lambdad.wire.patterns import compile_java
from lambdad.wire.validate import validate

MODELS = Models()


def faults(service: str, operation: str, params: dict[str, object]) -> str:
    model = MODELS.load(service)
    found = model.operation(operation)
    assert found is not None
    with pytest.raises(ValidationError) as caught:
        validate(params, found, model)
    return caught.value.message


def test_all_faults_are_reported_together() -> None:
    assert faults("lambda", "PutFunctionConcurrency", {"FunctionName": "f", "ReservedConcurrentExecutions": -1}) == (
        "1 validation error detected: Value '-1' at 'reservedConcurrentExecutions' failed to satisfy constraint: "
        "Member must have value greater than or equal to 0"
    )
    text = faults("lambda", "CreateFunction", {"FunctionName": "f", "Role": "r", "Handler": "a b"})
    assert text.startswith("3 validation errors detected: Value 'r' at 'role' failed to satisfy constraint: ")
    assert "; Value 'a b' at 'handler' failed to satisfy constraint: Member must satisfy regular expression pattern: " in text
    assert text.endswith("; Value null at 'code' failed to satisfy constraint: Member must not be null")


def test_thousands_of_faults_are_not_listed() -> None:
    text = faults("lambda", "CreateFunction", {"FunctionName": "f", "Layers": ["?"] * 10_000})
    assert text.startswith("100 validation errors detected: ")
    assert len(text) < 100_000


@pytest.mark.parametrize(
    ("service", "operation", "params", "text"),
    [
        (
            "lambda",
            "ListFunctions",
            {"FunctionVersion": "SOME"},
            "Value 'SOME' at 'functionVersion' failed to satisfy constraint: Member must satisfy enum value set: [ALL]",
        ),
        (
            "lambda",
            "ListFunctions",
            {"MaxItems": 10001},
            "Value '10001' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 10000",
        ),
        (
            "lambda",
            "UpdateFunctionConfiguration",
            {"FunctionName": "f", "Description": "x" * 257},
            f"Value '{'x' * 257}' at 'description' failed to satisfy constraint: "
            "Member must have length less than or equal to 256",
        ),
        (
            "lambda",
            "UpdateFunctionCode",
            {"FunctionName": "f", "Architectures": ["mips"]},
            "Value '[mips]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: "
            "[Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
        ),
        (
            "lambda",
            "UpdateFunctionConfiguration",
            {"FunctionName": "f", "EphemeralStorage": {"Size": 1}},
            "Value '1' at 'ephemeralStorage.size' failed to satisfy constraint: "
            "Member must have value greater than or equal to 512",
        ),
        (
            "logs",
            "PutLogEvents",
            {"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": 1, "message": ""}]},
            "Value '' at 'logEvents.1.member.message' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
        ),
        (
            "lambda",
            "TagResource",
            {"Resource": "arn:aws:lambda:us-east-1:000000000000:function:f", "Tags": {"": "v"}},
            "Value '{=v}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: "
            "[Member must have length less than or equal to 128, Member must have length greater than or equal to 1, "
            "Member must satisfy regular expression pattern: ([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)]",
        ),
    ],
)
def test_texts(service: str, operation: str, params: dict[str, object], text: str) -> None:
    assert faults(service, operation, params) == f"1 validation error detected: {text}"


def test_layers_are_named_by_their_number() -> None:
    params = {"FunctionName": "f", "Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:l:1", "nonsense"]}
    text = faults("lambda", "UpdateFunctionConfiguration", params)
    assert text.startswith("1 validation error detected: Value 'nonsense' at 'layers.2.member' failed to satisfy constraint: ")


def test_secrets_are_not_repeated() -> None:
    params = {"FunctionName": "f", "Environment": {"Variables": {"1": "secret"}}}
    text = faults("lambda", "UpdateFunctionConfiguration", params)
    assert text.startswith(
        "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys"
    )
    assert "secret" not in text


def test_the_control_plane_checks_runtimes_itself() -> None:
    model = MODELS.load("lambda")
    operation = model.operation("UpdateFunctionConfiguration")
    assert operation is not None
    validate({"FunctionName": "f", "Runtime": "cobol85"}, operation, model)


SERVICES = ("lambda", "logs", "sqs", "sns", "s3", "iam", "sts", "events", "apigateway", "apigatewayv2", "lambda-core")


def test_patterns_that_are_not_enforced() -> None:
    """Python has no classes for Unicode's "other" category; this is the whole list."""
    given_up = {
        (service, name)
        for service in SERVICES
        for name in MODELS.load(service).shape_names
        if (pattern := MODELS.load(service).shape(name).pattern) and compile_java(pattern) is None
    }
    assert given_up == {("lambda-core", "RuntimeAliasDescription")}


@pytest.mark.parametrize(
    ("pattern", "matching", "failing"),
    [
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", ["Größe 1", "a\u00a0b", "日本"], ["a!", "a\n", "a;b"]),
        (r"[\w-_]*", ["a-b_c"], ["a b"]),
        (r"\p{Alnum}+", ["aZ9"], ["é", "_"]),
        (r"\P{Punct}+", ["ab"], ["a.b"]),
        (r"a++b", ["aab"], ["b"]),
        (r"(?<year>\d{4})\z", ["2026"], ["26", "٢٠٢٦"]),
        (r"[a-z]+\Z", ["abc"], ["abc1"]),
        (r"[\u0009\u000A -~]+", ["a\tb"], ["é"]),
        (r"[a[b]+", ["a[b"], ["c"]),
        (r"(?!^\d+$)^[0-9a-zA-Z-_]+$", ["a1"], ["12"]),
    ],
)
def test_java_patterns(pattern: str, matching: list[str], failing: list[str]) -> None:
    compiled = compile_java(pattern)
    assert compiled is not None
    assert all(compiled.fullmatch(text) for text in matching)
    assert not any(compiled.fullmatch(text) for text in failing)


@pytest.mark.parametrize("pattern", [r"[^\p{C}]*", r"[a-z&&[^x]]", r"\p{L}+", r"\Qa\E", "(unclosed"])
def test_patterns_beyond_python_are_given_up(pattern: str) -> None:
    assert compile_java(pattern) is None
