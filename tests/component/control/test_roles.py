"""What an execution role has to allow before something is configured with it."""

from tests.component.control.account_of_tests import ACCOUNT, REGION, ROLE, TestAccount, function_arn, queue_arn

BAD_VALUE = "InvalidParameterValueException"
UNTRUSTING = (BAD_VALUE, 400, "The role defined for the function cannot be assumed by Lambda.")
FOREIGN = ("AccessDeniedException", 403, "Cross-account pass role is not allowed.")
SILENT = (BAD_VALUE, 400, "The provided execution role does not have permissions to call SendMessage on SQS")
LETTERS = {"TargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"}


async def test_lambda_must_be_able_to_assume_the_role(account: TestAccount) -> None:
    other, theirs = ROLE + "2", ROLE.replace(ACCOUNT, "999999999999")
    account.roles.untrusting.add(other)
    assert await account.create_error(Role=other) == UNTRUSTING
    assert await account.create_error(Role=theirs) == FOREIGN
    await account.create()
    assert await account.error("UpdateFunctionConfiguration", FunctionName="resize", Role=other) == UNTRUSTING
    assert await account.error("UpdateFunctionConfiguration", FunctionName="resize", Role=theirs) == FOREIGN
    account.roles.untrusting = {ROLE}
    assert (await account.update(Description="the role is not asked again"))["Role"] == ROLE
    assert (await account.update(Role=other))["Role"] == other


async def test_the_role_must_be_able_to_tell_a_dead_letter_queue(account: TestAccount) -> None:
    account.roles.denied.add("sqs:SendMessage")
    assert await account.create_error(DeadLetterConfig=LETTERS) == SILENT
    await account.create()
    assert await account.error("UpdateFunctionConfiguration", FunctionName="resize", DeadLetterConfig=LETTERS) == SILENT
    account.roles.denied.clear()
    assert (await account.update(DeadLetterConfig=LETTERS))["DeadLetterConfig"] == LETTERS


async def test_the_role_must_be_able_to_tell_a_destination(account: TestAccount) -> None:
    await account.create()
    await account.create("other")
    account.roles.denied |= {"lambda:InvokeFunction", "sqs:SendMessage"}

    async def refused(side: str, arn: str) -> str:
        code, status, message = await account.error(
            "PutFunctionEventInvokeConfig", FunctionName="resize", DestinationConfig={side: {"Destination": arn}}
        )
        assert (code, status) == (BAD_VALUE, 400)
        return message

    assert await refused("OnFailure", queue_arn("jobs")) == SILENT[2]
    assert await refused("OnSuccess", function_arn("other")) == (
        "The provided execution role does not have permissions to call InvokeFunction on Lambda"
    )


async def test_the_role_must_be_able_to_poll(account: TestAccount) -> None:
    await account.create()
    for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
        account.roles.denied = {f"sqs:{action}"}
        assert await account.error("CreateEventSourceMapping", FunctionName="resize", EventSourceArn=queue_arn("jobs")) == (
            BAD_VALUE,
            400,
            f"The function execution role does not have permissions to call {action} on SQS",
        )
    account.roles.denied.clear()
    await account.create("other")
    uuid = (await account.map())["UUID"]
    account.roles.denied = {"sqs:ReceiveMessage"}
    code, _, message = await account.error("UpdateEventSourceMapping", UUID=uuid, FunctionName="other")
    assert (code, message.rpartition(" call ")[2]) == (BAD_VALUE, "ReceiveMessage on SQS")
