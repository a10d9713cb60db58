"""What DynamoDB's operations, and those of its streams, need. Pure.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html; conditions:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html

`dynamodb:LeadingKeys` and `dynamodb:Attributes` are what a request says plainly. Where it does not (which attribute of an item
is its partition key only the table knows), they are a text that no policy names: `ForAllValues` would take a missing key for
an allowed one.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from lambdad.domain.access import Need
from lambdad.domain.caller import Caller
from lambdad.services.companions.arns import Params, arn, named, need, texts

UNKNOWN: Final = "\0unknown"

_EVERYWHERE: Final = frozenset(
    {
        "DescribeEndpoints",
        "DescribeLimits",
        "ListBackups",
        "ListContributorInsights",
        "ListExports",
        "ListGlobalTables",
        "ListImports",
        "ListStreams",
        "ListTables",
    }
)
_RESOURCES: Final = ("ResourceArn", "BackupArn", "ExportArn", "ImportArn", "StreamArn", "TableArn", "SourceTableArn")
_TABLES: Final = ("TableName", "TargetTableName", "SourceTableName")
_ITEMS: Final = frozenset({"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "ConditionCheckItem"})
_WRITES: Final = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
_STATEMENT = re.compile(r"\s*(select|insert|update|delete|exists)\b", re.IGNORECASE)
_EQUALS = re.compile(r"(?<![<>])=\s*(:[A-Za-z0-9_]+)")
_NAME = re.compile(r"#?[A-Za-z_][A-Za-z0-9_-]*")


def needs(operation: str, caller: Caller, params: Params) -> list[Need]:
    match operation:
        case "BatchGetItem":
            return [_batch(operation, caller, name, each.get("Keys", ())) for name, each in _mapping(params, "RequestItems")]
        case "BatchWriteItem":
            return [_batch(operation, caller, name, _keys(each)) for name, each in _mapping(params, "RequestItems")]
        case "TransactGetItems":
            return [_item("GetItem", caller, each.get("Get", {})) for each in params.get("TransactItems", ())]
        case "TransactWriteItems":
            return [
                _item(_WRITES[kind], caller, part)
                for each in params.get("TransactItems", ())
                for kind, part in each.items()
                if kind in _WRITES
            ]
        case "ExecuteStatement":
            return [_statement(caller, params)]
        case "BatchExecuteStatement":
            return [_statement(caller, each) for each in params.get("Statements", ())]
        case "ExecuteTransaction":
            return [_statement(caller, each) for each in params.get("TransactStatements", ())]
        case "GetRecords":
            # An iterator begins with the ARN of its stream, as on AWS.
            return [need("dynamodb:GetRecords", caller, str(params.get("ShardIterator", "")).partition("|")[0] or "*")]
    if operation in _ITEMS:
        return [_item(operation, caller, params)]
    if operation in _EVERYWHERE:
        return [need(f"dynamodb:{operation}", caller)]
    tables = [_table(caller, name, params.get("IndexName")) for name in texts(params, _TABLES)]
    found = [*texts(params, _RESOURCES), *tables, *_global(caller, params)]
    return [need(f"dynamodb:{operation}", caller, each) for each in found or ["*"]]


def _table(caller: Caller, name: str, index: str | None = None) -> str:
    table = named("dynamodb", caller, "table/", name)
    return f"{table}/index/{index}" if index else table


def _global(caller: Caller, params: Params) -> list[str]:
    """A global table has no region."""
    return [f"arn:aws:dynamodb::{caller.account}:global-table/{name}" for name in texts(params, ("GlobalTableName",))]


def _mapping(params: Params, name: str) -> Iterable[tuple[str, Any]]:
    found: Mapping[str, Any] = params.get(name, {})
    return found.items()


def _keys(requests: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any] | None]:
    """Of the items of a BatchWriteItem; None for one that is put."""
    return [each["DeleteRequest"].get("Key", {}) if "DeleteRequest" in each else None for each in requests]


def _batch(operation: str, caller: Caller, table: str, keys: Sequence[Mapping[str, Any] | None]) -> Need:
    leading = [text for key in keys for text in ([UNKNOWN] if key is None else _values(key.values()))]
    return need(f"dynamodb:{operation}", caller, _table(caller, table), _context(leading, [UNKNOWN]))


def _item(operation: str, caller: Caller, params: Params) -> Need:
    resource = _table(caller, params.get("TableName", ""), params.get("IndexName"))
    leading = _values(params["Key"].values()) if "Key" in params else _queried(params)
    return need(f"dynamodb:{operation}", caller, resource, _context(leading, _attributes(operation, params)))


def _context(leading: Sequence[str], attributes: Sequence[str]) -> dict[str, str | Sequence[str]]:
    return {"dynamodb:leadingkeys": tuple(leading) or (UNKNOWN,), "dynamodb:attributes": tuple(attributes) or (UNKNOWN,)}


def _values(values: Iterable[Any]) -> list[str]:
    """Of a key, both parts of it: which is the partition's is not known here."""
    return [str(each.get("S") or each.get("N") or UNKNOWN) for each in values]


def _queried(params: Params) -> list[str]:
    """What a Query compares for equality: the partition key, and perhaps the sort key too."""
    given = params.get("ExpressionAttributeValues", {})
    return _values(given.get(name, {}) for name in _EQUALS.findall(params.get("KeyConditionExpression", "")))


def _attributes(operation: str, params: Params) -> list[str]:
    """Those that the request names; none where it does not, or names them where only a parser of expressions finds them."""
    if any(name in params for name in ("ConditionExpression", "FilterExpression", "UpdateExpression", "Expected")):
        return []
    match operation:
        case "PutItem":
            return list(params.get("Item", {}))
        case "DeleteItem":
            return list(params.get("Key", {}))
        case "GetItem":
            asked = [*params.get("AttributesToGet", ()), *_projected(params)]
            return [*params.get("Key", {}), *asked] if asked else []
        case _:
            return []


def _projected(params: Params) -> list[str]:
    """Top-level attributes of a projection."""
    names = params.get("ExpressionAttributeNames", {})
    paths = [each.strip() for each in params.get("ProjectionExpression", "").split(",") if each.strip()]
    found = [_NAME.match(each) for each in paths]
    return [UNKNOWN if each is None else names.get(each[0], each[0]) for each in found]


def _statement(caller: Caller, params: Params) -> Need:
    """PartiQL: what is done is its first word; the table is not looked for, lest it be another than the one that is found."""
    found = _STATEMENT.match(params.get("Statement", ""))
    verb = found[1].capitalize() if found else "Select"
    action = "dynamodb:PartiQLSelect" if verb == "Exists" else f"dynamodb:PartiQL{verb}"
    return need(action, caller, arn("dynamodb", caller, "table/*"), _context([], []))
