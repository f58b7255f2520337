"""Minimum cuts by either solver, against all subsets."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geolearn.errors import UnknownNameError
from geolearn.ops.minimum_cut import SOLVERS, minimum_cut

maxflow_or_skip = {"pymaxflow": lambda: pytest.importorskip("maxflow"), "scipy": lambda: None}


def cost(x, lean, tail, head, capacity) -> float:
    x = np.asarray(x, dtype=float)
    return float(-(lean * x).sum() + (capacity * (1 - x[tail]) * x[head]).sum())


def cheapest(lean, tail, head, capacity) -> float:
    return min(cost(x, lean, tail, head, capacity) for x in itertools.product((0, 1), repeat=len(lean)))


@pytest.mark.parametrize("solver", SOLVERS)
@given(seed=st.integers(0, 10**6), nodes=st.integers(1, 7), arcs=st.integers(0, 12))
def test_no_subset_is_cheaper(solver, seed, nodes, arcs):
    maxflow_or_skip[solver]()
    random = np.random.default_rng(seed)
    lean = random.normal(size=nodes)
    tail, head = random.integers(0, nodes, (2, arcs))
    kept = tail != head
    graph = (lean, tail[kept], head[kept], random.exponential(size=arcs)[kept])
    found = cost(minimum_cut(*graph, solver=solver), *graph)
    assert found == pytest.approx(cheapest(*graph), abs=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_worked_chain(solver):
    maxflow_or_skip[solver]()
    # Taking 0 saves 1; leaving 1 out then costs 0.5, taking it 0.2; leaving 2 out costs 0.1, taking it 0.2.
    lean = np.array([1.0, -0.2, -0.2])
    found = minimum_cut(lean, np.array([1, 2]), np.array([0, 1]), np.array([0.5, 0.1]), solver=solver)
    assert found.tolist() == [True, True, False]


@pytest.mark.parametrize("solver", SOLVERS)
def test_nothing_to_decide(solver):
    maxflow_or_skip[solver]()
    none = np.zeros(0, dtype=np.int64)
    assert minimum_cut(np.array([-1.0, 2.0]), none, none, np.zeros(0), solver=solver).tolist() == [False, True]


@pytest.mark.usefixtures("as_installed")
def test_an_unknown_solver_is_named():
    with pytest.raises(UnknownNameError, match=r"unknown solver 'dinic'\..*Known: pymaxflow, scipy"):
        minimum_cut(np.zeros(1), np.zeros(0, int), np.zeros(0, int), np.zeros(0), solver="dinic")


def test_without_pymaxflow_scipy_takes_its_place(monkeypatch):
    monkeypatch.setattr("geolearn.ops.minimum_cut.importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("geolearn.ops.minimum_cut._by_pymaxflow", lambda *graph: pytest.fail("it was called"))
    found = minimum_cut(np.array([1.0, -0.2]), np.array([1]), np.array([0]), np.array([0.5]))
    assert found.tolist() == [True, True]
