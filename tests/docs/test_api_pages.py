"""Every public name of every public room has a page in the reference."""

import importlib

from api_pages import ROOMS, full_names, public_names, write_api_pages

import geolearn


def test_every_public_room_is_in_the_reference():
    assert set(geolearn._ROOMS) <= set(ROOMS)


def test_every_public_name_has_a_page(tmp_path):
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "gone.rst").write_text("public no more")
    pages = {path.relative_to(tmp_path).as_posix() for path in write_api_pages(tmp_path)}
    for room in ROOMS:
        assert f"{room}.rst" in pages
        names = getattr(importlib.import_module(f"geolearn.{room}"), "__all__", None) or public_names(room)
        assert names
        for name in names:
            path = f"{room}.{name}.rst" if f"{room}.{name}" in ROOMS else f"{room}/{name}.rst"
            assert path in pages
            assert (tmp_path / path).is_file()
    assert "errors/InvalidInputError.rst" in pages
    assert not (tmp_path / "ops" / "gone.rst").exists()


def test_a_page_that_stays_the_same_is_not_written_again(tmp_path):
    before = {path: path.stat().st_mtime_ns for path in write_api_pages(tmp_path)}
    assert before == {path: path.stat().st_mtime_ns for path in write_api_pages(tmp_path)}


def test_names_that_lead_to_their_page_from_any_text():
    names = full_names()
    assert names["load_mesh"] == "geolearn.io.load_mesh"
    assert names["MeshFormatError"] == "geolearn.errors.MeshFormatError"
    assert "sample" not in names


def test_pages_call_what_fits_their_kind(tmp_path):
    write_api_pages(tmp_path)
    kinds = {
        "ops/voxelize": "autofunction",
        "structures/Mesh": "autoclass",
        "errors/DatasetError": "autoexception",
        "models/MODELS": "py:data",
    }
    for page, kind in kinds.items():
        assert f".. {kind}:: geolearn.{page.replace('/', '.')}\n" in (tmp_path / f"{page}.rst").read_text()
