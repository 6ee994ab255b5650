"""Every hosted model can be served, and every family serves one."""

import pytest

from darkroom.domain.families import SERVED, Family, Schema, fitting


@pytest.mark.parametrize("schema", Schema)
def test_every_schema_is_served_by_a_family_that_says_so(schema: Schema) -> None:
    families = fitting(schema)
    assert families
    assert all(schema in SERVED[family] for family in families)


@pytest.mark.parametrize("family", Family)
def test_every_family_has_a_usual_schema(family: Family) -> None:
    assert family in fitting(SERVED[family][0])
