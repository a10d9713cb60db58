"""What is stored of an event source mapping. Records are frozen and revisioned; only `control` makes new ones.

https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html
"""

from typing import Any, Literal, TypeAlias

from msgspec import Struct

from lambdad.domain.arns import FunctionName

MappingState: TypeAlias = Literal["Creating", "Enabling", "Enabled", "Disabling", "Disabled", "Updating", "Deleting"]


class ProvisionedPollers(Struct, frozen=True):
    """`ProvisionedPollerConfig`."""

    minimum: int
    maximum: int
    group: str | None = None


class EventSourceMapping(Struct, frozen=True, kw_only=True):
    account: str
    region: str
    id: str
    """A uuid."""
    source: str
    """ARN of the queue; its account and region may be others."""
    function: str
    qualifier: str | None = None
    """As the caller spelt it; the function is resolved anew for each batch."""
    enabled: bool = True
    """What is wanted; `state` says how far it is."""
    state: MappingState
    reason: str = "USER_INITIATED"
    """`StateTransitionReason`."""
    last_modified_ms: int
    batch_size: int = 10
    window: int = 0
    """`MaximumBatchingWindowInSeconds`."""
    filters: tuple[str, ...] = ()
    """Patterns, JSON text; a record that one of them matches passes. None: every record does."""
    response_types: tuple[str, ...] = ()
    maximum_concurrency: int | None = None
    provisioned: ProvisionedPollers | None = None
    stored: dict[str, Any] = {}
    """Members of the API that lambdad stores and returns but does not act on, by their API name."""
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:event-source-mapping:{self.id}"

    @property
    def function_name(self) -> FunctionName:
        return FunctionName(self.account, self.region, self.function, self.qualifier)

    @property
    def polled(self) -> bool:
        """Whether its source is to be polled."""
        return self.enabled and self.state != "Deleting"
