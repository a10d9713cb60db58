"""What is stored of a function. Records are frozen and revisioned; only `control` makes new ones.

Times are epoch milliseconds. `build` names one combination of code and configuration: it is new with each update, so an
execution environment that was made for it can never serve another.
"""

from typing import Any, Literal

from msgspec import Struct

State = Literal["Pending", "Active", "Inactive", "Failed"]
UpdateStatus = Literal["Successful", "InProgress", "Failed"]


Optimization = Literal["On", "Off"]
"""`OptimizationStatus` of SnapStart."""


class SnapshotFailure(Struct, frozen=True):
    """The function's code failed in INIT, or in a hook before the snapshot."""

    reason: str
    code: str
    """One of the API's StateReasonCode values."""


class Code(Struct, frozen=True):
    """A package in the blob store."""

    digest: str
    """SHA-256 of the package, hex; the blob's key."""
    size: int


class Layer(Struct, frozen=True):
    """A layer version as a function holds it: it goes on working when the layer version is deleted."""

    arn: str
    code: Code


class Logging(Struct, frozen=True):
    format: Literal["Text", "JSON"] = "Text"
    group: str = ""
    application_level: str | None = None
    system_level: str | None = None


class Version(Struct, frozen=True, kw_only=True):
    """Code and configuration of `$LATEST` or of one published version."""

    account: str
    region: str
    name: str
    version: str
    """`$LATEST` or a number."""
    build: str
    revision_id: str
    last_modified_ms: int
    role: str
    package_type: str = "Zip"
    runtime: str | None = None
    handler: str | None = None
    code: Code
    layers: tuple[Layer, ...] = ()
    description: str = ""
    timeout: int = 3
    memory_size: int = 128
    ephemeral_storage: int = 512
    """MB of /tmp."""
    architecture: str = "x86_64"
    environment: dict[str, str] | None = None
    """None where the request gave none: the answer then has no `Environment`."""
    logging: Logging = Logging()
    tracing_mode: str = "PassThrough"
    dead_letter_target: str | None = None
    kms_key_arn: str | None = None
    snap_start: str = "None"
    """`ApplyOn`."""
    optimization: Optimization = "Off"
    """Whether there is a snapshot to restore environments from."""
    stored: dict[str, Any] = {}
    """Members of the API that lambdad stores and returns but does not act on, by their API name (VpcConfig, …)."""
    runtime_version_arn: str = ""
    config_sha256: str = ""
    """Base64 of the configuration's SHA-256; a published version keeps the one that `$LATEST` had."""
    state: State = "Pending"
    state_reason: str | None = None
    state_reason_code: str | None = None
    update_status: UpdateStatus | None = None
    update_reason: str | None = None
    update_reason_code: str | None = None

    @property
    def unqualified_arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def qualified_arn(self) -> str:
        return f"{self.unqualified_arn}:{self.version}"


class Alias(Struct, frozen=True, kw_only=True):
    name: str
    version: str
    revision_id: str
    description: str = ""
    weights: dict[str, float] = {}
    """At most one entry: version → share of the requests that go there instead of to `version`."""


class Policy(Struct, frozen=True):
    """A resource policy of one qualifier (of a function) or of one layer version."""

    revision_id: str
    statements: tuple[dict[str, Any], ...]
    version: str = "2012-10-17"
    """Of the policy language; in one of 2008-10-17 `${…}` is plain text."""
    id: str | None = "default"
    """None: the document has none."""


class EventInvokeConfig(Struct, frozen=True, kw_only=True):
    last_modified_ms: int
    maximum_retry_attempts: int | None = None
    maximum_event_age: int | None = None
    destinations: dict[str, Any] = {}
    """`DestinationConfig` of the API."""


class ProvisionedConcurrency(Struct, frozen=True):
    requested: int
    last_modified_ms: int


class RuntimeManagement(Struct, frozen=True):
    update_runtime_on: str = "Auto"
    runtime_version_arn: str | None = None


class Function(Struct, frozen=True, kw_only=True):
    """Everything that belongs to one function name. One record, so that each change is atomic.

    Maps by qualifier use `$LATEST`, a version number or an alias name as their keys.
    """

    account: str
    region: str
    name: str
    latest: Version
    serving: Version | None = None
    """What invokes of `$LATEST` run while an update is in progress: the code and configuration from before."""
    next_version: int = 1
    """Numbers are never used twice; `DeletedFunction` keeps this one when the function goes."""
    versions: dict[str, Version] = {}
    aliases: dict[str, Alias] = {}
    tags: dict[str, str] = {}
    reserved_concurrency: int | None = None
    recursion: Literal["Allow", "Terminate"] = "Terminate"
    code_signing_config_arn: str | None = None
    policies: dict[str, Policy] = {}
    """By qualifier; the unqualified function's own policy is under `$LATEST`."""
    event_invoke: dict[str, EventInvokeConfig] = {}
    provisioned: dict[str, ProvisionedConcurrency] = {}
    runtime_management: dict[str, RuntimeManagement] = {}

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def code_size(self) -> int:
        """Bytes of its packages, `$LATEST`'s and each version's counted for itself, without the layers."""
        return self.latest.code.size + sum([version.code.size for version in self.versions.values()])


class DeletedFunction(Struct, frozen=True):
    """What stays of a function that had versions: numbers are never used twice, not even under a name that is created anew.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
    """

    account: str
    region: str
    name: str
    next_version: int


class LayerVersion(Struct, frozen=True, kw_only=True):
    account: str
    region: str
    name: str
    version: int
    code: Code
    created_ms: int
    description: str = ""
    compatible_runtimes: tuple[str, ...] = ()
    compatible_architectures: tuple[str, ...] = ()
    license: str = ""
    policy: Policy | None = None


class LayerName(Struct, frozen=True):
    """Counts the versions of a layer: numbers are never used twice, not even when all versions are deleted."""

    account: str
    region: str
    name: str
    next_version: int = 1


class CodeSigningConfig(Struct, frozen=True, kw_only=True):
    account: str
    region: str
    id: str
    """`csc-` and 17 hex digits."""
    last_modified_ms: int
    publishers: tuple[str, ...]
    policy: str = "Warn"
    description: str = ""
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:code-signing-config:{self.id}"
