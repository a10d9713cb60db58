"""GetAccountSettings: the account's limits and what it uses of them."""

from collections.abc import Mapping
from typing import Any

from lambdad.control.api import AccountLimits
from lambdad.control.concurrency import unreserved
from lambdad.control.ledger import Ledger
from lambdad.domain import limits
from lambdad.domain.caller import Caller
from lambdad.wire.api import Handler


class Account:
    def __init__(self, ledger: Ledger, account_limits: AccountLimits) -> None:
        self._ledger = ledger
        self._limits = account_limits

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {"GetAccountSettings": self.get}

    async def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        records = self._ledger.records
        account, region = caller.account, caller.region
        return {
            "AccountLimit": {
                "TotalCodeSize": self._limits.code_storage,
                "CodeSizeUnzipped": limits.UNZIPPED,
                "CodeSizeZipped": limits.ZIP_UPLOAD,
                "ConcurrentExecutions": self._limits.concurrency,
                "UnreservedConcurrentExecutions": unreserved(records, self._limits, account, region),
            },
            "AccountUsage": {
                "TotalCodeSize": records.code_size(account, region),
                "FunctionCount": len(records.functions(account, region)),
            },
        }
