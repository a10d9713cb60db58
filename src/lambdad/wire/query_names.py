"""What members are called in the query protocol.

SQS's model now describes its JSON protocol only: the names of lists and maps in its query protocol (which older SDKs and much
infrastructure code still speak) are gone from it, so they are here.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-xml.html
"""

from lambdad.wire.models import Member, Model, Shape

_SQS = {
    "AWSAccountIdList": "AWSAccountId",
    "ActionNameList": "ActionName",
    "AttributeNameList": "AttributeName",
    "BatchResultErrorEntryList": "BatchResultErrorEntry",
    "BinaryList": "BinaryListValue",
    "ChangeMessageVisibilityBatchRequestEntryList": "ChangeMessageVisibilityBatchRequestEntry",
    "ChangeMessageVisibilityBatchResultEntryList": "ChangeMessageVisibilityBatchResultEntry",
    "DeleteMessageBatchRequestEntryList": "DeleteMessageBatchRequestEntry",
    "DeleteMessageBatchResultEntryList": "DeleteMessageBatchResultEntry",
    "ListMessageMoveTasksResultEntryList": "ListMessageMoveTasksResultEntry",
    "MessageAttributeNameList": "MessageAttributeName",
    "MessageBodyAttributeMap": "MessageAttribute",
    "MessageBodySystemAttributeMap": "MessageSystemAttribute",
    "MessageList": "Message",
    "MessageSystemAttributeList": "MessageSystemAttributeName",
    "MessageSystemAttributeMap": "Attribute",
    "QueueAttributeMap": "Attribute",
    "QueueUrlList": "QueueUrl",
    "SendMessageBatchRequestEntryList": "SendMessageBatchRequestEntry",
    "SendMessageBatchResultEntryList": "SendMessageBatchResultEntry",
    "StringList": "StringListValue",
    "TagKeyList": "TagKey",
    "TagMap": "Tag",
}


def member_name(member: Member, model: Model) -> str:
    """The name under which a member of a structure travels."""
    if model.name == "sqs" and member.shape.name in _SQS:
        return _SQS[member.shape.name]
    if member.flattened and member.shape.kind == "list" and member.shape.item.named:
        return member.shape.item.named
    return member.wire_name


def map_names(shape: Shape, model: Model) -> tuple[str, str]:
    """What key and value of a map's entry are called."""
    if model.name == "sqs":
        return ("Key", "Value") if shape.name == "TagMap" else ("Name", "Value")
    return shape.key.named or "key", shape.item.named or "value"
