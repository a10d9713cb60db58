from .api import ACCOUNT, Api, caller


async def test_who_calls(api: Api) -> None:
    root = f"arn:aws:iam::{ACCOUNT}:root"
    assert await api.call("GetCallerIdentity") == {"UserId": ACCOUNT, "Account": ACCOUNT, "Arn": root}
    made = (await api.iam.operations["CreateUser"](caller(), {"UserName": "ann"}))["User"]
    api.caller = caller(made["Arn"])
    assert await api.call("GetCallerIdentity") == {"UserId": made["UserId"], "Account": ACCOUNT, "Arn": made["Arn"]}


async def test_the_session_of_a_role_calls(api: Api) -> None:
    arn = await api.role()
    role = api.directory.role_by_arn(arn)
    assert role is not None
    identity = {"UserId": f"{role.id}:one", "Account": ACCOUNT, "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/one"}
    api.enter(await api.assume(arn))
    assert await api.call("GetCallerIdentity") == identity
    await api.iam.operations["DeleteRole"](caller(), {"RoleName": "worker"})
    assert (await api.call("GetCallerIdentity"))["Arn"] == identity["Arn"], "it is never denied"


async def test_whose_a_key_is(api: Api) -> None:
    await api.iam.operations["CreateUser"](caller(), {"UserName": "ann"})
    key = (await api.iam.operations["CreateAccessKey"](caller(), {"UserName": "ann"}))["AccessKey"]["AccessKeyId"]
    session = (await api.call("GetSessionToken"))["Credentials"]["AccessKeyId"]
    for each in (key, session):
        assert await api.call("GetAccessKeyInfo", AccessKeyId=each) == {"Account": ACCOUNT}
    assert (await api.refuses("GetAccessKeyInfo", AccessKeyId="AKIA1"))[0] == "ValidationError"
