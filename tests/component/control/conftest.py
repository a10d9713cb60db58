from collections.abc import AsyncIterator

import pytest

from tests.component.control.account_of_tests import TestAccount


@pytest.fixture
async def account() -> AsyncIterator[TestAccount]:
    found = await TestAccount().start()
    yield found
    await found.stop()
