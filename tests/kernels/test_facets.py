"""Facets read in one pass against the same text read word by word."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geolearn.io import MeshFormatError, stl, welding, words

FACET = "facet normal 0 0 1\n outer loop\n  vertex 0 0 0\n  vertex 1 0 0\n  vertex 0 1 0\n endloop\nendfacet\n"
UPSIDE = "facet normal 0 0 0\nouter loop\nvertex 1 0 0\nvertex 1 1 0\nvertex 0 1 -0.0\nendloop\nendfacet\n"
TOKENS = [
    *(b" ", b"\n", b"\r\n", b"\v", b"\t", b"", b"e", b"-", b".", b"1", b"9" * 20, b"1e-30 ", b"nan ", b"X", b"solid "),
    *(b"endsolid\n", b"end ", b"facet ", b"facet normal ", b"outer ", b"vertex 1 2 3\n", b"endloop\n", b"\xff", b"#"),
]


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 12), st.sampled_from(TOKENS)), min_size=1, max_size=2))
@settings(max_examples=200)
def test_both_ways_give_the_same_whatever_is_damaged(changes):
    text = f"solid a\n{FACET}endsolid a\nsolid b\n{UPSIDE}endsolid b\n".encode()
    for at, count, token in changes:
        text = text[:at] + token + text[at + count :]
    found = []
    for compiled in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            for module in (stl, welding, words):
                patch.setattr(module, "kernels_pay", lambda size, compiled=compiled: compiled)
            try:
                surface = stl.read_stl(text, "file")
            except MeshFormatError as error:
                found.append(str(error))
            else:
                group = None if surface.looks is None else surface.looks.group
                groups = None if group is None else (surface.looks.groups, group.tolist())
                found.append((surface.verts.tolist(), surface.corners.tolist(), groups))
    assert found[0] == found[1]
