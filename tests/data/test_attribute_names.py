"""Attributes of families, in the order of an intention."""

import pytest

from geolearn.data import procedural
from geolearn.data.attribute_names import ATTRIBUTES, MOST, SLANTS, attribute_names
from geolearn.errors import UnknownNameError


def test_attributes_of_several_families_stand_one_after_the_other():
    names = attribute_names(("mug", "car"))
    assert names[:5] == (*[("mug", name) for name in ATTRIBUTES["mug"]], ("car", "wheelbase"))
    assert len(names) == len(ATTRIBUTES["mug"]) + len(ATTRIBUTES["car"])
    assert attribute_names(()) == ()


def test_the_families_are_procedural_and_no_name_stands_twice():
    assert set(ATTRIBUTES) <= set(procedural.CLASSES)
    assert all(len(set(names)) == len(names) for names in ATTRIBUTES.values())
    assert len(ATTRIBUTES["chair"]) == MOST
    assert set(SLANTS) <= {name for names in ATTRIBUTES.values() for name in names}


def test_a_family_that_nothing_is_known_of():
    with pytest.raises(UnknownNameError, match=r"unknown family of deformations 'chairs'\. Did you mean 'chair'"):
        attribute_names(("mug", "chairs"))
