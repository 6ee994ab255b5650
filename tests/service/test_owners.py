"""What owners are granted, and what a creation may ask for."""

import pytest

from darkroom.domain.errors import InvalidInput
from darkroom.domain.ids import Owner
from darkroom.service.owners import Owners, Terms

ADA, BOB = Owner("ada"), Owner("bob")
OWNERS = Owners(named={ADA: Terms(priority=3, running=2)}, others=Terms(queued=5))


def test_a_creation_may_lower_the_priority_of_its_owner() -> None:
    asked = (None, 3, 0, -10)
    assert [OWNERS.priority(ADA, one) for one in asked] == [3, 3, 0, -10]


def test_a_creation_may_not_raise_the_priority_of_its_owner() -> None:
    with pytest.raises(InvalidInput, match="Darkroom-Priority: Must be less than or equal to 3"):
        OWNERS.priority(ADA, 4)
    with pytest.raises(InvalidInput, match="equal to 0"):
        OWNERS.priority(BOB, 1)


def test_who_is_not_named_has_the_terms_of_all_others() -> None:
    assert (OWNERS.of(BOB), OWNERS.running_limit(ADA)) == (Terms(queued=5), 2)


def test_whether_anybody_is_limited_is_known() -> None:
    free = Owners()
    assert (OWNERS.limit_running, OWNERS.limit_queued) == (True, True)
    assert (free.limit_running, free.limit_queued) == (False, False)
