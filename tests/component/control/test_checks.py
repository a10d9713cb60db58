"""What CreateFunction and the updates refuse, with the exact texts where Lambda's are known."""

from typing import Any

import pytest

from tests.component.control.account_of_tests import ACCOUNT, REGION, TestAccount, layer_arn

BAD_VALUE = "InvalidParameterValueException"


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        (
            {"Runtime": None},
            BAD_VALUE,
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ),
        (
            {"Handler": None},
            BAD_VALUE,
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ),
        (
            {"Runtime": "python2.7"},
            BAD_VALUE,
            "The runtime parameter of python2.7 is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions.",
        ),
        (
            {"Runtime": "dotnetcore3.1"},
            BAD_VALUE,
            "The runtime parameter of dotnetcore3.1 is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions.",
        ),
        (
            {"Runtime": "python3.11"},
            BAD_VALUE,
            "The runtime python3.11 is not available on this host, which has python3.12, python3.13, nodejs22.x, "
            "provided.al2023; to add it, install an interpreter python3.11 on the host's PATH and restart lambdad.",
        ),
        (
            {"Timeout": 901},
            BAD_VALUE,
            "'Timeout' value failed to satisfy constraint: Member must have value less than or equal to 900",
        ),
        (
            {"MemorySize": 10241},
            BAD_VALUE,
            "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 10240",
        ),
        (
            {"EphemeralStorage": {"Size": 10241}},
            BAD_VALUE,
            "'EphemeralStorage.Size' value failed to satisfy constraint: Member must have value less than or equal to 10240",
        ),
        (
            {"Environment": {"Variables": {"AWS_REGION": "x", "OTHER": "y"}}},
            BAD_VALUE,
            "Lambda was unable to configure your environment variables because the environment variables you have provided "
            "contains reserved keys that are currently not supported for modification. "
            "Reserved keys used in this request: AWS_REGION",
        ),
        (
            {"Environment": {"Variables": {"1": "x"}}},
            "ValidationException",
            "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: "
            "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
        ),
        (
            {"LoggingConfig": {"ApplicationLogLevel": "DEBUG"}},
            BAD_VALUE,
            'LogLevel is not supported when LogFormat is set to "Text". '
            'Remove LogLevel from your request or change the LogFormat to "JSON" and try again.',
        ),
        (
            {"Runtime": "nodejs22.x", "SnapStart": {"ApplyOn": "PublishedVersions"}},
            BAD_VALUE,
            "nodejs22.x is not supported for SnapStart enabled functions.",
        ),
        (
            {"Architectures": ["arm64"]},
            BAD_VALUE,
            "The architecture arm64 is not available on this host, which is x86_64. Use Architectures [x86_64].",
        ),
        ({"Tags": {f"k{number}": "" for number in range(51)}}, BAD_VALUE, "Number of tags exceeds resource tag limit."),
        ({"Tags": {"aws:mine": ""}}, BAD_VALUE, "Tag keys that start with aws: are reserved for AWS."),
        (
            {"PackageType": "Image", "Code": {"ImageUri": "x"}},
            BAD_VALUE,
            "lambdad does not support container images (PackageType Image, ImageUri) yet. Use a .zip package.",
        ),
        (
            {"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}},
            BAD_VALUE,
            "lambdad does not support tenant isolation (TenancyConfig) yet.",
        ),
        (
            {"FileSystemConfigs": [{"Arn": "arn:x", "LocalMountPath": "/mnt/x"}]},
            BAD_VALUE,
            "lambdad does not support file systems (FileSystemConfigs) yet.",
        ),
        (
            {"DeadLetterConfig": {"TargetArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:x"}},
            BAD_VALUE,
            f"The provided target ARN arn:aws:lambda:{REGION}:{ACCOUNT}:function:x of DeadLetterConfig is neither a standard "
            "SQS queue nor a standard SNS topic.",
        ),
        (
            {"VpcConfig": {"SubnetIds": ["here"], "SecurityGroupIds": ["sg-1"]}},
            BAD_VALUE,
            "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. "
            "EC2 Error Message: The subnet ID 'here' does not exist",
        ),
        (
            {"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["here"]}},
            BAD_VALUE,
            "Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. "
            "EC2 Error Message: The security group 'here' does not exist",
        ),
        (
            {"VpcConfig": {"SubnetIds": ["subnet-1"]}},
            BAD_VALUE,
            "VpcConfig needs both SubnetIds and SecurityGroupIds, or neither.",
        ),
        ({"Code": {}}, BAD_VALUE, "Please provide a source for function code."),
        ({"Code": {"ZipFile": b""}}, BAD_VALUE, "Uploaded file must be a non-empty zip"),
        (
            {"Code": {"ZipFile": b"no zip"}},
            BAD_VALUE,
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ),
        (
            {"Code": {"ZipFile": b"PK", "S3Bucket": "bucket", "S3Key": "key"}},
            BAD_VALUE,
            "Please do not provide other FunctionCode parameters when providing a ZipFile.",
        ),
        ({"Code": {"S3Bucket": "bucket"}}, BAD_VALUE, "Please provide both S3Bucket and S3Key."),
        (
            {"Code": {"ZipFile": b"PK" + bytes(52428799)}},
            "RequestEntityTooLargeException",
            "Zipped size must be smaller than 52428800 bytes",
        ),
        ({"Layers": [layer_arn("l", n) for n in range(1, 7)]}, BAD_VALUE, "Cannot reference more than 5 layers."),
        ({"Layers": [layer_arn("l", 1)]}, BAD_VALUE, f"Layer version {layer_arn('l', 1)} does not exist."),
        ({"Layers": [layer_arn("l", "0")]}, BAD_VALUE, "Layer Version Cannot be less than 1"),
        (
            {"Layers": [layer_arn("l", 1).replace(REGION, "us-east-1")]},
            BAD_VALUE,
            f"Layers are not in the same region as the function. Layers are expected to be in region {REGION}.",
        ),
        (
            {"CodeSigningConfigArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:csc-{'0' * 17}"},
            "CodeSigningConfigNotFoundException",
            "The code signing configuration cannot be found. Check that the provided configuration is not deleted: "
            f"arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:csc-{'0' * 17}.",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_create_refuses(account: TestAccount, params: dict[str, Any], code: str, text: str) -> None:
    found = await account.create_error(**params)
    assert (found[0], found[2]) == (code, text)
    assert (await account.call("ListFunctions"))["Functions"] == []


async def test_an_unknown_runtime_is_answered_with_the_known_ones(account: TestAccount) -> None:
    code, status, text = await account.create_error(Runtime="cobol74")
    assert (code, status) == (BAD_VALUE, 400)
    assert text.startswith("Value cobol74 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [")
    assert text.endswith("] or be a valid ARN") and "nodejs24.x" in text and "python2.7" not in text


async def test_a_runtime_that_lambdad_never_runs_is_refused_with_a_way_out(account: TestAccount) -> None:
    account.available = []
    assert (await account.create_error(Runtime="java21"))[2] == (
        "The runtime java21 is not available on this host, which has none; "
        "lambdad does not run this family of runtimes yet: package the function for provided.al2023."
    )


async def test_a_long_name_is_refused(account: TestAccount) -> None:
    name = "n" * 65
    assert await account.create_error(name) == (
        BAD_VALUE,
        400,
        f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
        "Member must have length less than or equal to 64",
    )
    await account.create("n" * 64)


async def test_the_environment_may_have_four_kilobytes_of_json(account: TestAccount) -> None:
    fits = {"KEY": "v" * (4096 - len('{"KEY":""}'))}
    await account.create(Environment={"Variables": fits})
    large = {"KEY": fits["KEY"] + "v"}
    expected = (
        "Lambda was unable to configure your environment variables because the environment variables you have provided "
        'exceeded the 4KB limit. String measured: {"KEY":"' + large["KEY"] + '"}'
    )
    assert await account.create_error("other", Environment={"Variables": large}) == (BAD_VALUE, 400, expected)
    assert (await account.error("UpdateFunctionConfiguration", FunctionName="resize", Environment={"Variables": large}))[
        2
    ] == expected


async def test_updates_are_checked_as_creation_is(account: TestAccount) -> None:
    await account.create()
    for params, start in (
        ({"Runtime": "python3.8"}, "The runtime parameter of python3.8 is no longer supported"),
        ({"Runtime": "python3.10"}, "The runtime python3.10 is not available on this host"),
        ({"Timeout": 901}, "'Timeout' value failed"),
        ({"SnapStart": {"ApplyOn": "PublishedVersions"}, "Runtime": "nodejs22.x"}, "nodejs22.x is not supported for SnapStart"),
        ({"Layers": [layer_arn("gone", 1)]}, "Layer version"),
        ({"LoggingConfig": {"SystemLogLevel": "WARN"}}, "LogLevel is not supported"),
    ):
        code, _, text = await account.error("UpdateFunctionConfiguration", FunctionName="resize", **params)
        assert code == BAD_VALUE and text.startswith(start)
    answer = await account.call("GetFunctionConfiguration", FunctionName="resize")
    assert answer["LastUpdateStatus"] == "Successful"


async def test_a_name_with_a_qualifier_cannot_be_created(account: TestAccount) -> None:
    assert (await account.create_error("resize:1"))[0] == BAD_VALUE
