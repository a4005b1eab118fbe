"""Laws of pasting: image, mask and weight come from one sample at every pixel, and only objects are moved."""

import pytest
import torch

from handful.augment import Colour, Geometry, apply_paste, draw_paste
from handful.training.pool import Pool
from handful.training.store import Ready

BATCH = 32


def chance():
    return torch.Generator().manual_seed(5)


def samples(classes):
    """Planes that tell where each pixel comes from: number of the sample, row, column; and masks of any classes."""
    rows, columns = torch.meshgrid(torch.arange(12.0), torch.arange(12.0), indexing="ij")
    planes = torch.stack([torch.stack([torch.full_like(rows, number), rows, columns]) for number in range(BATCH)])
    masks = torch.randint(classes, (BATCH, 12, 12), generator=chance()).float()
    masks[:, :2] = 255
    return planes, masks


@pytest.mark.parametrize("kinds", [[(1,)], [(1, 2)], [(1,), (2,), (3,)], [(0,), (1,)]])
def test_what_is_pasted_is_objects_of_one_other_sample_where_they_lie_there(kinds):
    planes, masks = samples(4)
    others, taken = draw_paste(masks, kinds, 0.5, chance())
    pasted, answer = apply_paste(planes, others, taken), apply_paste(masks, others, taken)
    assert torch.equal(pasted[:, 1:], planes[:, 1:])  # nothing is moved within the patch
    source = pasted[:, 0].long()
    own = torch.arange(BATCH)[:, None, None]
    assert torch.equal(answer, masks[source, planes[0, 1].long(), planes[0, 2].long()])
    assert torch.equal(source == others[:, None, None], taken | (others == own[:, 0, 0])[:, None, None])
    assert not (answer[taken] == 255).any()
    for index in range(BATCH):
        for kind in kinds:  # all of a kind in the other sample, or nothing of it
            there = torch.isin(masks[others[index]], torch.tensor(kind, dtype=torch.float32))
            assert bool(taken[index][there].all()) or not taken[index][there].any()


def test_of_several_kinds_half_are_taken():
    _, masks = samples(4)
    others, taken = draw_paste(masks, [(1,), (2,), (3,)], 1.0, chance())
    assert {len(masks[other][one].unique()) for other, one in zip(others, taken, strict=True)} == {2}


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_as_many_samples_as_the_chance_says(share):
    masks = samples(2)[1].repeat(16, 1, 1)
    taken = draw_paste(masks, [(1,)], share, chance())[1]
    assert abs(float(taken.any((1, 2)).float().mean()) - share) < 0.06


def test_without_objects_nothing_is_pasted():
    masks = torch.zeros(4, 6, 6)
    assert not draw_paste(masks, [(1,)], 1.0, chance())[1].any()


def test_a_batch_pastes_image_mask_and_weight_together():
    """Images whose values are those of their masks, and weights that are twice as much: they still agree."""
    drawn = torch.rand(3, 24, 24, generator=chance())
    masks = [(field < share).byte().numpy() for field, share in zip(drawn, (0.1, 0.5, 0.9), strict=True)]
    images = [mask[None].astype("float32") for mask in masks]
    store = Ready(images, masks, [2 * image[0] for image in images], device=torch.device("cpu"))
    pool = Pool(
        store, patch=(24, 24), batch=8, geometry=Geometry(flip=False, upside_down=False, chance=0),
        colour=Colour(0, 0, 0, 0, 0), focus=0, paste=1.0, kinds=[(1,)], seed=0, device=torch.device("cpu"),
    )  # fmt: skip
    batch = pool.draw(0)
    torch.testing.assert_close(batch.image[:, 0], batch.target.float(), rtol=0, atol=1e-3)
    torch.testing.assert_close(batch.weight, 2 * batch.target.float(), rtol=0, atol=1e-3)
    known = [torch.from_numpy(mask).long() for mask in masks]
    assert not all(any(torch.equal(one, mask) for mask in known) for one in batch.target)
