from lambdad.domain.functions import Version
from lambdad.worker_manager.service import Lease, LocalWorkerManager


async def lease(manager: LocalWorkerManager, version: Version) -> Lease:
    return manager.take(version) or await manager.wait(version)
