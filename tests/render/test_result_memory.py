"""Memory of large results: used again when nothing looks at it, never before, and not hoarded."""

import gc

import torch

from geolearn.render import rasterize_meshes
from geolearn.render.result_memory import SMALL, ResultMemory
from geolearn.structures import Mesh


def test_memory_comes_back_only_when_no_view_is_left() -> None:
    memory = ResultMemory()
    first = memory.empty((4, SMALL), torch.float32)
    assert (first.shape, first.dtype, memory.unused) == ((4, SMALL), torch.float32, 0)
    place, row = first.data_ptr(), first[2, 5:]
    del first
    gc.collect()
    assert memory.unused == 0
    assert memory.empty((4, SMALL), torch.float32).data_ptr() != place
    array = row.numpy()
    del row
    kept = memory.unused
    del array
    gc.collect()
    assert memory.unused == kept + 16 * SMALL
    places = {memory.empty((2, 2, SMALL), torch.int32).data_ptr() for _ in range(3)}
    assert place in places  # whatever the shape and type, bytes count


def test_at_most_the_limit_is_kept() -> None:
    memory = ResultMemory(limit=3 * SMALL)
    blocks = [memory.empty((SMALL,), torch.uint8) for _ in range(5)]
    del blocks
    gc.collect()
    assert 0 < memory.unused <= 3 * SMALL
    large = memory.empty((4 * SMALL,), torch.uint8)
    del large
    gc.collect()
    assert memory.unused <= 3 * SMALL


def test_small_results_are_not_ours() -> None:
    memory = ResultMemory()
    memory.empty((SMALL // 8,), torch.float32)
    gc.collect()
    assert memory.unused == 0


def test_a_result_is_not_overwritten_by_the_next() -> None:
    triangle = Mesh(torch.tensor([[0.9, 0.9, 1.0], [-0.9, 0.9, 1.0], [0.0, -0.9, 1.0]]), torch.tensor([[0, 1, 2]]))
    empty = Mesh(triangle.verts + torch.tensor([9.0, 0, 0]), triangle.faces)
    faces = rasterize_meshes(triangle, image_size=512, faces_per_pixel=2)[0]
    before = faces.clone()
    assert int((before == 0).sum()) > 10_000
    for _ in range(3):
        assert int(rasterize_meshes(empty, image_size=512, faces_per_pixel=2)[0].max()) == -1
    assert torch.equal(faces, before)
