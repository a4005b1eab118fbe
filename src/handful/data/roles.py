"""What the words in a path say about a file: is it an image or a mask, and for training or for testing."""

from __future__ import annotations

import re
from dataclasses import dataclass


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MASK_WORDS = _words(
    """
    mask masks maske masques msk msks label labels lab labs labeled labelled labelids indexlabel annot annots annotation
    annotations annotated anno annos ann gt gts groundtruth groundtruths truth truths seg segs segm segmentation
    segmentations segmentationclass segmentationobject segmentated segmented segmap segmaps target targets
    manual trimap trimaps matte mattes outline outlines roi rois semantic binarymask instance instances ho lbl
    lbls y
    """
)
IMAGE_WORDS = _words(
    """
    image images img imgs im input inputs raw jpegimages photo photos picture pictures pic pics frame frames
    scan scans rgb original originals orig still stills tissue source src volume volumes x sat
    """
)
PARTS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}
SHORT_PARTS = {"tr": "train", "ts": "test"}  # nnU-Net: imagesTr, labelsTs; too short to mean anything alone
FILLERS = _words(
    """
    jpeg jpg png tif tiff gif bmp bit full fine all set data dataset stage task the of and
    """
)
# Folders and files that go with a data set and are neither its images nor its masks.
ASIDE_WORDS = _words(
    """
    overlay overlays preview previews vis viz visual visualization visualisation visualizations thumb thumbs
    thumbnail thumbnails prediction predictions predicted pred preds result results centers centres centroid
    centroids weight weights contour contours skeleton skeletons fov tra track depth disparity bbox boxes
    checkpoints
    """
)
# Where several kinds of masks lie side by side the first of these is the one to learn; the others are named in a note.
_PREFER = ("labeltrainids", "labelids", "1st", "manual1", "manual", "ah", "class", "semantic", "gt")
_DEFER = (
    *("color", "colors", "colour", "colours", "2nd", "3rd", "second", "manual2", "object", "instanceids", "vk"),
    *(
        "instance",
        "instances",
        "boundary",
        "boundaries",
        "edge",
        "edges",
        "st",
        "human",
        "track",
        "man_track",
        "tra",
        "border",
    ),
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+(?:st|nd|rd)|\d+")


@dataclass(frozen=True)
class Words:
    """One component of a path: its role ("image", "mask", "aside" or ""), its part or "", and what is left over."""

    role: str
    part: str
    rest: tuple[str, ...]


def words_of(name: str) -> list[str]:
    """The words of a name in lower case, split at case changes, digits, signs: `leftImg8bit` is left, img, 8, bit."""
    return [word.lower() for word in _WORD.findall(name)]


def read_words(name: str) -> Words:
    """Role and part of a folder name (`trainannot`, `SegmentationClass`, `ISIC2018_Training_GroundTruth`, `gtFine`)."""
    words = words_of(re.sub(r"\d+ ?bit", "", name, flags=re.IGNORECASE))
    whole = "".join(words)
    if whole in MASK_WORDS:
        return Words("mask", "", ())
    if whole in IMAGE_WORDS:
        return Words("image", "", ())
    part, roles, rest = "", set(), []
    for word in words:
        glued = next((p for p in PARTS if word.startswith(p) and _role(word[len(p) :])), "")
        if glued:
            part = PARTS[glued]
            roles.add(_role(word[len(glued) :]))
        elif word in PARTS:
            part = PARTS[word]
        elif word in SHORT_PARTS and len(words) > 1 and words[-1] == word:
            part = SHORT_PARTS[word]
        elif _role(word):
            roles.add(_role(word))
        elif word == "ground" and "truth" in words:
            continue
        elif word not in FILLERS:
            rest.append(word)
    role = next((kind for kind in ("aside", "mask", "image") if kind in roles), "")
    return Words(role, part, tuple(rest))


def _role(word: str) -> str:
    if word in ASIDE_WORDS:
        return "aside"
    if word in MASK_WORDS:
        return "mask"
    if word in IMAGE_WORDS:
        return "image"
    for cut in range(3, len(word) - 3):  # two words written as one: segmasks, labelimages
        one, two = word[:cut], word[cut:]
        if (one in MASK_WORDS and two in IMAGE_WORDS | MASK_WORDS) or (two in MASK_WORDS and one in IMAGE_WORDS):
            return "mask"
    return ""


def stem_role(stem: str) -> str:
    """The role that a file's own name gives it: "mask" for `x_mask`, `mask_x`, `x_labelIds`, `x-labels`; else "".

    Only words at the start or at the end count, so that `unmasked_hero_3` stays a name.
    """
    words = [word for word in words_of(stem) if not word.isdigit()]
    if len(words) < 2 and (not words or len(words[0]) == 1):
        return ""
    ends = {words[-1], words[0]}
    pairs = {"".join(words[-2:]), "".join(words[:2])}
    if ends & ASIDE_WORDS:
        return "aside"
    if (ends | pairs) & MASK_WORDS or words[-2:] == ["label", "ids"] or words[-1] == "truth":
        return "mask"
    return ""


def preference(name: str) -> int:
    """How likely masks under this name are the ones to learn, against others of the same images; less is better."""
    words = words_of(name)
    joined = {*words, *("".join(words[i : i + 2]) for i in range(len(words)))}
    joined |= {"".join(words[i : i + 3]) for i in range(len(words))}
    if joined & ASIDE_WORDS:
        return 200
    for place, word in enumerate(_DEFER):
        if word in joined:
            return 100 + place
    for place, word in enumerate(_PREFER):
        if word in joined:
            return place
    return 50


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts names as people do: `slice2` before `slice10`, letter case ignored."""
    return [(0, int(bit), "") if bit.isdigit() else (1, 0, bit) for bit in re.split(r"(\d+)", name.lower()) if bit]
