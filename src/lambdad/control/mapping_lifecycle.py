"""The lifecycle of event source mappings: which states are on the way to another, and where they lead. Pure.

    Creating ──┐                    an update that turns it on:   Disabled ──► Enabling ──► Enabled
    Updating ──┴──► Enabled         an update that turns it off:  Enabled ──► Disabling ──► Disabled
                  | Disabled        any other update:             ... ──► Updating;  Deleting ──► gone

A mapping leaves such a state once its source is polled as it says, or not polled any more.
https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html (`State`)
"""

from msgspec.structs import replace

from lambdad.domain.mappings import EventSourceMapping, MappingState


def settled(mapping: EventSourceMapping) -> bool:
    """Whether it may be updated and deleted: nothing is under way."""
    return mapping.state in ("Enabled", "Disabled")


def updated(before: EventSourceMapping, after: EventSourceMapping, now_ms: int) -> EventSourceMapping:
    """`after` with its state, right after an update of the settled `before`."""
    state: MappingState = "Updating"
    if after.enabled != before.enabled:
        state = "Enabling" if after.enabled else "Disabling"
    return replace(after, state=state, last_modified_ms=now_ms)


def deleted(before: EventSourceMapping, now_ms: int) -> EventSourceMapping:
    """Right after a deletion of the settled `before`."""
    return replace(before, state="Deleting", last_modified_ms=now_ms)


def finished(mapping: EventSourceMapping, now_ms: int) -> EventSourceMapping | None:
    """What becomes of the record once what was under way is done; None: it goes."""
    if mapping.state == "Deleting":
        return None
    return replace(mapping, state="Enabled" if mapping.enabled else "Disabled", last_modified_ms=now_ms)
