"""When the compiler is loaded: for one long text, or after many short ones."""

import pytest

from geolearn.io import compiler


@pytest.fixture(autouse=True)
def nothing_read(monkeypatch):
    monkeypatch.setattr(compiler, "_read_by_numpy", 0)


def test_a_short_text_does_not_load_it_and_a_long_one_does():
    assert not compiler.kernels_pay(compiler.SHORT - 1)
    assert compiler.kernels_pay(compiler.SHORT)


def test_once_it_is_loaded_short_texts_use_it_too():
    compiler.kernels_pay(compiler.SHORT)
    assert compiler.kernels_pay(1)


def test_many_short_texts_load_it():
    size = compiler.SHORT // 2
    answers = [compiler.kernels_pay(size) for _ in range(compiler.PATIENCE // size + 2)]
    assert answers == [False] * (len(answers) - 1) + [True]
