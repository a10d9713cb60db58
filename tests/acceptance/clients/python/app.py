def handler(event, context):
    if event.get("fail"):
        raise RuntimeError("failed as asked")
    return {
        "greeting": "hello " + event["name"],
        "arn": context.invoked_function_arn,
        "request_id": context.aws_request_id,
    }
