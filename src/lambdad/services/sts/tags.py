"""Session tags: those that are passed, and those that a session hands on. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
"""

from typing import Any

from lambdad.iam.sessions import Claims
from lambdad.services.sts import errors


def session_tags(params: dict[str, Any], calling: Claims | None) -> tuple[dict[str, str], tuple[str, ...]]:
    """Tags of the new session, and the keys of those that go on from it. `calling`: the session that asks, if it is one.

    Raises InvalidParameterValue.
    """
    given = {tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()}
    keys = {key.lower() for key in given}
    if len(keys) != len(params.get("Tags") or ()):
        raise errors.invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(key.startswith("aws:") for key in keys):
        raise errors.invalid("Tag keys that begin with aws: are reserved for system use.")
    inherited = {key: calling.tags[key] for key in calling.transitive} if calling is not None else {}
    if not keys.isdisjoint(key.lower() for key in inherited):
        raise errors.invalid(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the "
            "calling session."
        )
    asked = {key.lower() for key in params.get("TransitiveTagKeys") or ()}
    if not asked <= keys:
        raise errors.invalid("The specified transitive tag key must be included in the requested tags.")
    going_on = (*inherited, *(key for key in given if key.lower() in asked))
    return inherited | given, going_on
