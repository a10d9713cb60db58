"""`python -m lambdad.assembly.compatibility` prints docs/compatibility.md, from the handlers themselves.

The services are put together over a memory that holds nothing; none of them is started.
"""

import sys
import time

from lambdad.assembly.identities import identities
from lambdad.assembly.node import uuid_text
from lambdad.assembly.permissions import execution_roles
from lambdad.control.api import AccountLimits
from lambdad.control.service import LambdaControl
from lambdad.edge.compatibility import page
from lambdad.iam.directory import Directory
from lambdad.logs.service import Logs
from lambdad.records.service import Snapshot
from lambdad.records.write import Writer
from lambdad.services.logs.service import LogsService
from lambdad.services.sqs.service import SqsService
from lambdad.testing.artifacts import NoArtifacts
from lambdad.testing.substrate import MemorySubstrate
from lambdad.wire.api import Service
from lambdad.wire.models import Models


def services() -> list[Service]:
    """Every service that a node registers."""
    substrate = MemorySubstrate()
    records = Snapshot(substrate.key_values)
    sqs = SqsService(substrate.key_values, substrate.queues, now=time.time, new_id=uuid_text, url=str, run=0)
    known = identities(Directory(substrate.key_values), substrate.key_values, b"")
    control = LambdaControl(
        records=records,
        writer=Writer(substrate.key_values, records.current),
        artifacts=NoArtifacts(),
        limits=AccountLimits(),
        roles=execution_roles(known.directory, known.access, records, sqs),
        available=list,
        architecture="x86_64",
        location=lambda caller, code: "",
        object_store=None,
        now=time.time,
        new_id=uuid_text,
    )
    logs = Logs(substrate.key_values, substrate.timeline, time.time)
    return [control, LogsService(logs, time.time, uuid_text), sqs, known.iam, known.sts]


def text() -> str:
    return page({service.name: set(service.operations) for service in services()}, Models())


if __name__ == "__main__":
    sys.stdout.write(text())
