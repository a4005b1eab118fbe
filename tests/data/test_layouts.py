"""Public data sets as they lie on disk: file names in, pairs out. Only names matter here, so most files are empty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handful.data import find_images, find_pairs
from handful.data.match import match_names
from handful.data.roles import natural, read_words, stem_role
from handful.errors import DataError


def plant(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def pairs_of(root: Path, **flags: str) -> list[tuple[str, ...]]:
    return [
        (
            pair.part,
            pair.image.path.relative_to(root).as_posix(),
            *(m.path.relative_to(root).as_posix() for m in pair.masks),
        )
        for pair in find_pairs(root, **flags).pairs
    ]


# Each: the files, and the pairs that must come out (part, image, masks...). Two or three images stand for all.
LAYOUTS: dict[str, tuple[list[str], list[tuple[str, ...]]]] = {
    "plain": (
        ["images/a.png", "images/b.png", "masks/a.png", "masks/b.png"],
        [("all", "images/a.png", "masks/a.png"), ("all", "images/b.png", "masks/b.png")],
    ),
    "letter case": (
        ["Images/A.PNG", "Images/b.JPG", "MASKS/a.png", "MASKS/B.png"],
        [("all", "Images/A.PNG", "MASKS/a.png"), ("all", "Images/b.JPG", "MASKS/B.png")],
    ),
    "natural order": (
        [f"img/{n}.png" for n in (1, 2, 10)] + [f"gt/{n}.png" for n in (1, 2, 10)],
        [("all", f"img/{n}.png", f"gt/{n}.png") for n in (1, 2, 10)],
    ),
    "drive": (
        [
            *("training/images/21_training.tif", "training/images/22_training.tif"),
            *("training/1st_manual/21_manual1.gif", "training/1st_manual/22_manual1.gif"),
            *("training/mask/21_training_mask.gif", "training/mask/22_training_mask.gif"),
            *("test/images/01_test.tif", "test/images/02_test.tif"),
            *("test/1st_manual/01_manual1.gif", "test/1st_manual/02_manual1.gif"),
            *("test/2nd_manual/01_manual2.gif", "test/2nd_manual/02_manual2.gif"),
            *("test/mask/01_test_mask.gif", "test/mask/02_test_mask.gif"),
        ],
        [
            ("train", "training/images/21_training.tif", "training/1st_manual/21_manual1.gif"),
            ("train", "training/images/22_training.tif", "training/1st_manual/22_manual1.gif"),
            ("test", "test/images/01_test.tif", "test/1st_manual/01_manual1.gif"),
            ("test", "test/images/02_test.tif", "test/1st_manual/02_manual1.gif"),
        ],
    ),
    "oxford pets": (
        [
            *("images/Abyssinian_1.jpg", "images/Bengal_12.jpg", "annotations/trimaps/Abyssinian_1.png"),
            *("annotations/trimaps/Bengal_12.png", "annotations/trimaps/._Bengal_12.png"),
            *("annotations/xmls/Bengal_12.xml", "annotations/list.txt"),
        ],
        [
            ("all", "images/Abyssinian_1.jpg", "annotations/trimaps/Abyssinian_1.png"),
            ("all", "images/Bengal_12.jpg", "annotations/trimaps/Bengal_12.png"),
        ],
    ),
    "voc": (
        [
            *("VOC2012/JPEGImages/2007_000032.jpg", "VOC2012/JPEGImages/2007_000033.jpg"),
            *("VOC2012/SegmentationClass/2007_000032.png", "VOC2012/SegmentationClass/2007_000033.png"),
            *("VOC2012/SegmentationObject/2007_000032.png", "VOC2012/SegmentationObject/2007_000033.png"),
        ],
        [
            ("all", f"VOC2012/JPEGImages/{n}.jpg", f"VOC2012/SegmentationClass/{n}.png")
            for n in ("2007_000032", "2007_000033")
        ],
    ),
    "carvana": (
        [
            *("train/0cdf5b5d0ce1_01.jpg", "train/0cdf5b5d0ce1_02.jpg", "test/00a0_01.jpg"),
            *("train_masks/0cdf5b5d0ce1_01_mask.gif", "train_masks/0cdf5b5d0ce1_02_mask.gif"),
        ],
        [
            ("train", "train/0cdf5b5d0ce1_01.jpg", "train_masks/0cdf5b5d0ce1_01_mask.gif"),
            ("train", "train/0cdf5b5d0ce1_02.jpg", "train_masks/0cdf5b5d0ce1_02_mask.gif"),
        ],
    ),
    "isic": (
        [
            *("ISIC2018_Task1-2_Training_Input/ISIC_0000000.jpg", "ISIC2018_Task1-2_Training_Input/ISIC_0000001.jpg"),
            "ISIC2018_Task1_Training_GroundTruth/ISIC_0000000_segmentation.png",
            "ISIC2018_Task1_Training_GroundTruth/ISIC_0000001_segmentation.png",
        ],
        [
            (
                "train",
                f"ISIC2018_Task1-2_Training_Input/ISIC_000000{n}.jpg",
                f"ISIC2018_Task1_Training_GroundTruth/ISIC_000000{n}_segmentation.png",
            )
            for n in (0, 1)
        ],
    ),
    "cell tracking challenge": (
        [
            *("01/t000.tif", "01/t001.tif", "02/t000.tif", "02/t001.tif", "01_GT/SEG/man_seg000.tif"),
            *("01_GT/TRA/man_track000.tif", "01_GT/TRA/man_track001.tif", "01_ST/SEG/man_seg000.tif"),
            *("01_GT/SEG/man_seg001.tif", "02_GT/SEG/man_seg000.tif", "02_GT/SEG/man_seg001.tif"),
        ],
        [
            ("all", f"{series}/t00{n}.tif", f"{series}_GT/SEG/man_seg00{n}.tif")
            for series in ("01", "02")
            for n in (0, 1)
        ],
    ),
    "cityscapes": (
        [
            f"{top}/train/{city}/{city}_000000_{n}_{end}"
            for city in ("aachen", "bochum")
            for n in ("000019", "000020")
            for top, ends in (
                ("leftImg8bit", ["leftImg8bit.png"]),
                (
                    "gtFine",
                    ["gtFine_color.png", "gtFine_instanceIds.png", "gtFine_labelIds.png", "gtFine_polygons.json"],
                ),
            )
            for end in ends
        ],
        [
            (
                "train",
                f"leftImg8bit/train/{city}/{city}_000000_{n}_leftImg8bit.png",
                f"gtFine/train/{city}/{city}_000000_{n}_gtFine_labelIds.png",
            )
            for city in ("aachen", "bochum")
            for n in ("000019", "000020")
        ],
    ),
    "camvid 701": (
        [
            *("701_StillsRaw_full/0001TP_006690.png", "701_StillsRaw_full/0001TP_006720.png"),
            *("LabeledApproved_full/0001TP_006690_L.png", "LabeledApproved_full/0001TP_006720_L.png"),
        ],
        [
            ("all", f"701_StillsRaw_full/0001TP_00{n}.png", f"LabeledApproved_full/0001TP_00{n}_L.png")
            for n in ("6690", "6720")
        ],
    ),
    "camvid one folder": (
        ["0001TP_006690.png", "0001TP_006690_L.png", "0001TP_006720.png", "0001TP_006720_L.png"],
        [("all", "0001TP_006690.png", "0001TP_006690_L.png"), ("all", "0001TP_006720.png", "0001TP_006720_L.png")],
    ),
    "camvid kaggle": (
        [
            f"CamVid/{part}{tail}/0001TP_{n}{end}.png"
            for part in ("train", "val", "test")
            for tail, end in (("", ""), ("_labels", "_L"))
            for n in (f"{len(part)}01", f"{len(part)}02")
        ],
        [
            (part, f"CamVid/{part}/0001TP_{len(part)}{n}.png", f"CamVid/{part}_labels/0001TP_{len(part)}{n}_L.png")
            for part in ("train", "val", "test")
            for n in ("01", "02")
        ],
    ),
    "em stacks": (
        ["train-volume.tif", "train-labels.tif", "test-volume.tif"],
        [("train", "train-volume.tif", "train-labels.tif")],
    ),
    "one folder": (
        ["x.png", "x_mask.png", "y.png", "y_mask.png"],
        [("all", "x.png", "x_mask.png"), ("all", "y.png", "y_mask.png")],
    ),
    "one folder named images": (
        ["images/x.jpg", "images/x_mask.png", "images/y.jpg", "images/y_mask.png"],
        [("all", "images/x.jpg", "images/x_mask.png"), ("all", "images/y.jpg", "images/y_mask.png")],
    ),
    "busi": (
        [
            *("benign/benign (1).png", "benign/benign (1)_mask.png", "benign/benign (1)_mask_1.png"),
            *(
                "benign/benign (2).png",
                "benign/benign (2)_mask.png",
                "normal/normal (1).png",
                "normal/normal (1)_mask.png",
            ),
        ],
        [
            ("all", "benign/benign (1).png", "benign/benign (1)_mask.png", "benign/benign (1)_mask_1.png"),
            ("all", "benign/benign (2).png", "benign/benign (2)_mask.png"),
            ("all", "normal/normal (1).png", "normal/normal (1)_mask.png"),
        ],
    ),
    "leaves (cvppp)": (
        [f"A1/plant00{n}_{end}.png" for n in (1, 2) for end in ("rgb", "label", "centers")],
        [("all", f"A1/plant00{n}_rgb.png", f"A1/plant00{n}_label.png") for n in (1, 2)],
    ),
    "cracks, same stem": (
        ["traincrop/1.jpg", "traincrop/1.png", "traincrop/2.jpg", "traincrop/2.png"],
        [("all", "traincrop/1.jpg", "traincrop/1.png"), ("all", "traincrop/2.jpg", "traincrop/2.png")],
    ),
    "deepcrack": (
        [
            f"{part}_{kind}/{n}.{end}"
            for part in ("train", "test")
            for kind, end in (("img", "jpg"), ("lab", "png"))
            for n in (len(part), 9)
        ],
        [
            *(("train", f"train_img/{n}.jpg", f"train_lab/{n}.png") for n in (5, 9)),
            *(("test", f"test_img/{n}.jpg", f"test_lab/{n}.png") for n in (4, 9)),
        ],
    ),
    "kvasir": (
        [
            "Kvasir-SEG/images/cju0.jpg",
            "Kvasir-SEG/images/cju1.jpg",
            "Kvasir-SEG/masks/cju0.jpg",
            "Kvasir-SEG/masks/cju1.jpg",
        ],
        [("all", f"Kvasir-SEG/images/cju{n}.jpg", f"Kvasir-SEG/masks/cju{n}.jpg") for n in (0, 1)],
    ),
    "cvc clinic": (
        ["Original/1.tif", "Original/2.tif", "Ground Truth/1.tif", "Ground Truth/2.tif"],
        [("all", "Original/1.tif", "Ground Truth/1.tif"), ("all", "Original/2.tif", "Ground Truth/2.tif")],
    ),
    "bbbc005": (
        [
            *(
                "BBBC005_v1_images/SIMCEPImages_A01_C1_F1_s01_w1.TIF",
                "BBBC005_v1_images/SIMCEPImages_A02_C1_F1_s02_w1.TIF",
            ),
            *(
                "BBBC005_v1_ground_truth/SIMCEPImages_A01_C1_F1_s01_w1.TIF",
                "BBBC005_v1_ground_truth/SIMCEPImages_A02_C1_F1_s02_w1.TIF",
            ),
        ],
        [
            (
                "all",
                f"BBBC005_v1_images/SIMCEPImages_A0{n}_C1_F1_s0{n}_w1.TIF",
                f"BBBC005_v1_ground_truth/SIMCEPImages_A0{n}_C1_F1_s0{n}_w1.TIF",
            )
            for n in (1, 2)
        ],
    ),
    "dsb 2018": (
        [
            *("stage1_train/aa/images/aa.png", "stage1_train/aa/masks/1.png", "stage1_train/aa/masks/2.png"),
            *("stage1_train/bb/images/bb.png", "stage1_train/bb/masks/3.png", "stage1_test/cc/images/cc.png"),
        ],
        [
            ("train", "stage1_train/aa/images/aa.png", "stage1_train/aa/masks/1.png", "stage1_train/aa/masks/2.png"),
            ("train", "stage1_train/bb/images/bb.png", "stage1_train/bb/masks/3.png"),
        ],
    ),
    "masks in a folder for each image": (
        ["images/a.png", "images/b.png", "masks/a/0.png", "masks/a/1.png", "masks/b/0.png"],
        [("all", "images/a.png", "masks/a/0.png", "masks/a/1.png"), ("all", "images/b.png", "masks/b/0.png")],
    ),
    "nnu-net": (
        [
            "imagesTr/case_01_0000.png",
            "imagesTr/case_02_0000.png",
            "labelsTr/case_01.png",
            "labelsTr/case_02.png",
            "imagesTs/case_03_0000.png",
        ],
        [("train", f"imagesTr/case_0{n}_0000.png", f"labelsTr/case_0{n}.png") for n in (1, 2)],
    ),
    "yolo order": (
        [
            f"{kind}/{part}/{part[0]}{n}.png"
            for kind in ("images", "labels")
            for part in ("train", "val")
            for n in (1, 2)
        ],
        [
            (part, f"images/{part}/{part[0]}{n}.png", f"labels/{part}/{part[0]}{n}.png")
            for part in ("train", "val")
            for n in (1, 2)
        ],
    ),
    "same names in each part": (
        [f"{part}/{kind}/0.png" for part in ("Train", "VALID", "testing") for kind in ("input", "mask")],
        [
            ("train", "Train/input/0.png", "Train/mask/0.png"),
            ("val", "VALID/input/0.png", "VALID/mask/0.png"),
            ("test", "testing/input/0.png", "testing/mask/0.png"),
        ],
    ),
    "chase db1": (
        [f"Image_0{n}{eye}{end}" for n in (1, 2) for eye in "LR" for end in (".jpg", "_1stHO.png", "_2ndHO.png")],
        [("all", f"Image_0{n}{eye}.jpg", f"Image_0{n}{eye}_1stHO.png") for n in (1, 2) for eye in "LR"],
    ),
    "hrf": (
        [
            *("images/01_dr.JPG", "images/02_h.jpg", "manual1/01_dr.tif", "manual1/02_h.tif"),
            *("mask/01_dr_mask.tif", "mask/02_h_mask.tif"),
        ],
        [("all", "images/01_dr.JPG", "manual1/01_dr.tif"), ("all", "images/02_h.jpg", "manual1/02_h.tif")],
    ),
    "stare": (
        [
            "stare-images/im0001.ppm",
            "stare-images/im0002.ppm",
            "labels-ah/im0001.ah.ppm",
            "labels-ah/im0002.ah.ppm",
            "labels-vk/im0001.vk.ppm",
            "labels-vk/im0002.vk.ppm",
        ],
        [("all", f"stare-images/im000{n}.ppm", f"labels-ah/im000{n}.ah.ppm") for n in (1, 2)],
    ),
    "horses": (
        [
            "weizmann/horse/horse001.png",
            "weizmann/horse/horse002.png",
            "weizmann/mask/horse001.png",
            "weizmann/mask/horse002.png",
        ],
        [("all", f"weizmann/horse/horse00{n}.png", f"weizmann/mask/horse00{n}.png") for n in (1, 2)],
    ),
    "deepglobe": (
        ["train/12_sat.jpg", "train/12_mask.png", "train/34_sat.jpg", "train/34_mask.png"],
        [("train", "train/12_sat.jpg", "train/12_mask.png"), ("train", "train/34_sat.jpg", "train/34_mask.png")],
    ),
    "potsdam": (
        [
            "2_Ortho_RGB/top_potsdam_2_10_RGB.tif",
            "2_Ortho_RGB/top_potsdam_2_11_RGB.tif",
            "5_Labels_all/top_potsdam_2_10_label.tif",
            "5_Labels_all/top_potsdam_2_11_label.tif",
        ],
        [
            ("all", f"2_Ortho_RGB/top_potsdam_2_1{n}_RGB.tif", f"5_Labels_all/top_potsdam_2_1{n}_label.tif")
            for n in (0, 1)
        ],
    ),
    "roboflow": (
        [
            "train/a_jpg.rf.1f.jpg",
            "train/a_jpg.rf.1f_mask.png",
            "train/_classes.csv",
            "valid/b_jpg.rf.2e.jpg",
            "valid/b_jpg.rf.2e_mask.png",
        ],
        [
            ("train", "train/a_jpg.rf.1f.jpg", "train/a_jpg.rf.1f_mask.png"),
            ("val", "valid/b_jpg.rf.2e.jpg", "valid/b_jpg.rf.2e_mask.png"),
        ],
    ),
    "glas": (
        ["train_1.bmp", "train_1_anno.bmp", "train_2.bmp", "train_2_anno.bmp", "testA_1.bmp", "testA_1_anno.bmp"],
        [
            ("all", "testA_1.bmp", "testA_1_anno.bmp"),
            ("all", "train_1.bmp", "train_1_anno.bmp"),
            ("all", "train_2.bmp", "train_2_anno.bmp"),
        ],
    ),
    "image1 and label1": (
        ["data/image1.png", "data/image2.png", "data/label1.png", "data/label2.png"],
        [("all", "data/image1.png", "data/label1.png"), ("all", "data/image2.png", "data/label2.png")],
    ),
    "prefix": (
        ["Train/input/cat.0.jpg", "Train/input/cat.1.jpg", "Train/mask/mask_cat.0.jpg", "Train/mask/mask_cat.1.jpg"],
        [("train", f"Train/input/cat.{n}.jpg", f"Train/mask/mask_cat.{n}.jpg") for n in (0, 1)],
    ),
    "one image, one mask": (
        ["images/photo.jpg", "masks/drawing.png"],
        [("all", "images/photo.jpg", "masks/drawing.png")],
    ),
    "overlays beside": (
        [
            "images/a.png",
            "images/b.png",
            "labels/a.png",
            "labels/b.png",
            "overlay/a.png",
            "overlay/b.png",
            "predictions/a.png",
        ],
        [("all", "images/a.png", "labels/a.png"), ("all", "images/b.png", "labels/b.png")],
    ),
    "masks in several folders": (
        ["images/a.png", "images/b.png", "masks1/a.png", "masks2/b.png"],
        [("all", "images/a.png", "masks1/a.png"), ("all", "images/b.png", "masks2/b.png")],
    ),
    "evican": (
        [
            "Images/EVICAN_train/12_ACHN.jpg",
            "Images/EVICAN_val/13_ACHN.jpg",
            "Masks/EVICAN_train_masks/Cells/12_ACHN.png",
            "Masks/EVICAN_val_masks/Cells/13_ACHN.png",
        ],
        [
            ("train", "Images/EVICAN_train/12_ACHN.jpg", "Masks/EVICAN_train_masks/Cells/12_ACHN.png"),
            ("val", "Images/EVICAN_val/13_ACHN.jpg", "Masks/EVICAN_val_masks/Cells/13_ACHN.png"),
        ],
    ),
    "kitti road": (
        [
            "training/image_2/um_000000.png",
            "training/image_2/um_000001.png",
            "training/gt_image_2/um_road_000000.png",
            "training/gt_image_2/um_road_000001.png",
        ],
        [("train", f"training/image_2/um_00000{n}.png", f"training/gt_image_2/um_road_00000{n}.png") for n in (0, 1)],
    ),
    "a folder for each case": (
        ["case1/image.png", "case1/mask.png", "case2/image.png", "case2/mask.png"],
        [("all", f"case{n}/image.png", f"case{n}/mask.png") for n in (1, 2)],
    ),
    "labelme": (
        [f"{name}_json/{file}.png" for name in ("a", "b") for file in ("img", "label", "label_viz")],
        [("all", f"{name}_json/img.png", f"{name}_json/label.png") for name in ("a", "b")],
    ),
    "supervisely": (
        [f"ds/{folder}/{name}.png" for folder in ("img", "masks_human", "masks_machine") for name in ("a", "b")],
        [("all", f"ds/img/{name}.png", f"ds/masks_machine/{name}.png") for name in ("a", "b")],
    ),
    "images above the masks": (
        ["a.jpg", "b.jpg", "masks/a.png", "masks/b.png"],
        [("all", "a.jpg", "masks/a.png"), ("all", "b.jpg", "masks/b.png")],
    ),
    "drone": (
        [
            *("set/original_images/000.jpg", "set/original_images/001.jpg", "set/label_images_semantic/000.png"),
            *("set/label_images_semantic/001.png", "RGB_color_image_masks/000.png", "RGB_color_image_masks/001.png"),
        ],
        [("all", f"set/original_images/00{n}.jpg", f"set/label_images_semantic/00{n}.png") for n in (0, 1)],
    ),
    "words written as one": (
        ["rawimages/a.png", "rawimages/b.png", "segmasks/a.png", "segmasks/b.png"],
        [("all", f"rawimages/{name}.png", f"segmasks/{name}.png") for name in "ab"],
    ),
    "labels with their colours beside": (
        [f"{file}.png" for n in (1, 2) for file in (f"images/{n}", f"labels/{n}_label", f"labels/{n}_color")],
        [("all", f"images/{n}.png", f"labels/{n}_label.png") for n in (1, 2)],
    ),
    "x and y": (
        ["X/1.npy", "X/2.npy", "Y/1.npy", "Y/2.npy"],
        [("all", "X/1.npy", "Y/1.npy"), ("all", "X/2.npy", "Y/2.npy")],
    ),
    "tissue images": (
        [
            "TNBC/Slide_01/01_1.png",
            "TNBC/Slide_01/01_2.png",
            "TNBC/GT_01/01_1.png",
            "TNBC/GT_01/01_2.png",
            "TNBC/Slide_02/02_1.png",
            "TNBC/GT_02/02_1.png",
        ],
        [
            ("all", "TNBC/Slide_01/01_1.png", "TNBC/GT_01/01_1.png"),
            ("all", "TNBC/Slide_01/01_2.png", "TNBC/GT_01/01_2.png"),
            ("all", "TNBC/Slide_02/02_1.png", "TNBC/GT_02/02_1.png"),
        ],
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout(name: str, tmp_path: Path) -> None:
    files, expected = LAYOUTS[name]
    plant(tmp_path, *files)
    assert sorted(pairs_of(tmp_path)) == sorted(expected)
    assert not [p for p in find_pairs(tmp_path).problems if p.severity == "error" and "TRA" not in p.where]


def test_folders_whose_names_say_nothing(tmp_path: Path) -> None:
    """pix2pix: trainA and trainB; the pictures tell which is which."""
    noise = np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)
    for part in ("train", "test"):
        for folder, picture in (("A", np.sign(noise // 128) * 255), ("B", noise)):
            (tmp_path / f"{part}{folder}").mkdir()
            Image.fromarray(picture).save(tmp_path / f"{part}{folder}" / "1.png")
    assert pairs_of(tmp_path) == [("train", "trainB/1.png", "trainA/1.png"), ("test", "testB/1.png", "testA/1.png")]


def test_each_file_is_used_once(tmp_path: Path) -> None:
    plant(tmp_path, "images/1.png", "images/11.png", "masks/mask_1.png", "masks/mask_11.png")
    assert pairs_of(tmp_path) == [
        ("all", "images/1.png", "masks/mask_1.png"),
        ("all", "images/11.png", "masks/mask_11.png"),
    ]


def test_hidden_files_and_links_in_a_circle(tmp_path: Path) -> None:
    plant(
        tmp_path, "images/a.png", "masks/a.png", "images/.a.png", "images/Thumbs.db", "images/.ipynb_checkpoints/a.png"
    )
    plant(tmp_path, "__MACOSX/images/a.png")
    (tmp_path / "images" / "loop").symlink_to(tmp_path)
    assert pairs_of(tmp_path) == [("all", "images/a.png", "masks/a.png")]


def test_files_may_be_links(tmp_path: Path) -> None:
    plant(tmp_path, "store/1.png", "store/2.png", "data/images/x", "data/masks/x")
    (tmp_path / "data/images/a.png").symlink_to(tmp_path / "store/1.png")
    (tmp_path / "data/masks/a.png").symlink_to(tmp_path / "store/2.png")
    assert pairs_of(tmp_path / "data") == [("all", "images/a.png", "masks/a.png")]


def test_missing_partners_are_each_a_problem(tmp_path: Path) -> None:
    plant(tmp_path, "images/a.png", "images/b.png", "images/d.png", "masks/a.png", "masks/c.png")
    problems = find_pairs(tmp_path).problems
    assert [(p.where, p.severity) for p in problems] == [
        ("images/b.png", "error"),
        ("images/d.png", "error"),
        ("masks/c.png", "error"),
    ]
    assert "without a mask" in problems[0].message
    assert "without an image" in problems[2].message


def test_part_without_masks_is_one_note(tmp_path: Path) -> None:
    plant(tmp_path, "train/image/0.png", "train/label/0.png", "test/0.png", "test/1.png")
    layout = find_pairs(tmp_path)
    assert [(p.where, p.severity) for p in layout.problems] == [("test", "note")]
    assert len(layout.pairs) == 1


def test_same_stem_twice_takes_the_lossless_one(tmp_path: Path) -> None:
    plant(tmp_path, "images/a.png", "images/a.jpg", "images/b.png", "masks/a.png", "masks/b.png")
    layout = find_pairs(tmp_path)
    assert [pair.image.path.name for pair in layout.pairs] == ["a.png", "b.png"]
    assert [str(p) for p in layout.problems] == [
        "images/a.jpg: same name as a.png, which is used; remove one of the two"
    ]


def test_equal_stems_get_unique_names(tmp_path: Path) -> None:
    plant(tmp_path, *(f"{part}/{kind}/A.png" for part in ("train", "test") for kind in ("images", "masks")))
    assert [pair.name for pair in find_pairs(tmp_path).pairs] == ["train_images_A", "test_images_A"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], ["folder is empty", "images/ beside masks/"]),
        (["images/a.png"], ["no masks found", "--images"]),
        (["masks/a.png"], ["no images found", "--masks"]),
        (["images/a.png", "annotations.json"], ["no annotations can be used", "annotations.json: is no valid JSON"]),
        (["images/a.png", "images/b.png", "masks/c.png", "masks/d.png"], ["no image has a mask of a matching name"]),
        (["a.nii.gz", "b.nii.gz"], ["no picture that can be read", "TIFF"]),
        (["readme.md"], ["no image", ".md"]),
    ],
)
def test_nothing_to_pair(files: list[str], words: list[str], tmp_path: Path) -> None:
    plant(tmp_path, *files)
    with pytest.raises(DataError) as caught:
        find_pairs(tmp_path)
    message = str(caught.value)
    assert message.startswith(str(tmp_path))
    for word in words:
        assert word in message


def test_missing_folder_names_the_nearest(tmp_path: Path) -> None:
    plant(tmp_path, "leaves/images/a.png")
    with pytest.raises(DataError, match=r"no such folder\. Did you mean .*leaves"):
        find_pairs(tmp_path / "leafs")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    plant(tmp_path, "a.png")
    with pytest.raises(DataError, match="is a file; a folder"):
        find_pairs(tmp_path / "a.png")


# ------------------------------------------------------------------------------------------------- flags


FLAGS: dict[str, tuple[list[str], str, str, list[tuple[str, str]]]] = {
    "single files": (["a.jpg", "m.png"], "a.jpg", "m.png", [("a.jpg", "m.png")]),
    "folders": (["p/a.jpg", "q/a.png"], "p", "q", [("p/a.jpg", "q/a.png")]),
    "globs": (
        ["p/a.jpg", "p/b.jpg", "q/a_x.png", "q/b_x.png"],
        "p/*.jpg",
        "q/*.png",
        [("p/a.jpg", "q/a_x.png"), ("p/b.jpg", "q/b_x.png")],
    ),
    "numbers": (
        ["p/s1.jpg", "p/s10.jpg", "q/t001.png", "q/t010.png"],
        "p/*",
        "q/*",
        [("p/s1.jpg", "q/t001.png"), ("p/s10.jpg", "q/t010.png")],
    ),
    "deep glob": (
        ["p/x/a.jpg", "p/y/b.jpg", "q/a.png", "q/b.png"],
        "p/**/*.jpg",
        "q/*.png",
        [("p/x/a.jpg", "q/a.png"), ("p/y/b.jpg", "q/b.png")],
    ),
    "masks among the images": (
        ["a.png", "a_m.png", "b.png", "b_m.png"],
        "*.png",
        "*_m.png",
        [("a.png", "a_m.png"), ("b.png", "b_m.png")],
    ),
}


@pytest.mark.parametrize("name", FLAGS)
def test_flags(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, images, masks, expected = FLAGS[name]
    plant(tmp_path, *files)
    assert [pair[1:] for pair in pairs_of(tmp_path, images=images, masks=masks)] == expected
    absolute = find_pairs(None, images=str(tmp_path / images), masks=str(tmp_path / masks))
    assert len(absolute.pairs) == len(expected)
    monkeypatch.chdir(tmp_path)
    assert len(find_pairs(None, images=images, masks=masks).pairs) == len(expected)


def test_never_by_mere_order(tmp_path: Path) -> None:
    plant(tmp_path, "p/a.jpg", "p/b.jpg", "q/c.png", "q/d.png")
    with pytest.raises(DataError, match="matching name"):
        find_pairs(tmp_path, images="p/*", masks="q/*")


def test_flags_that_match_nothing(tmp_path: Path) -> None:
    plant(tmp_path, "p/a.jpg")
    with pytest.raises(DataError, match="--masks matches no picture"):
        find_pairs(tmp_path, images="p/*", masks="q/*.png")
    with pytest.raises(DataError, match="go together"):
        find_pairs(tmp_path, images="p/*")


# ------------------------------------------------------------------------------------------------- names alone


@pytest.mark.parametrize(
    ("images", "masks", "expected"),
    [
        (["a", "b"], ["b", "a"], [(1,), (0,)]),
        (["1", "2", "12"], ["1_mask", "2_mask", "12_mask"], [(0,), (1,), (2,)]),
        (["t000", "t001"], ["man_seg001", "man_seg000"], [(1,), (0,)]),
        (["case_0000"], ["case"], [(0,)]),
        (["cat", "cats"], ["cats", "cat"], [(1,), (0,)]),
        (["a", "b", "c"], ["a"], [(0,), (), ()]),
        (["a"], ["a_1stHO", "a_2ndHO"], [(0,)]),
    ],
)
def test_match_names(images: list[str], masks: list[str], expected: list[tuple[int, ...]]) -> None:
    assert list(match_names(images, masks).partners) == expected


def test_words() -> None:
    assert (read_words("trainannot").role, read_words("trainannot").part) == ("mask", "train")
    assert read_words("SegmentationClass").role == "mask"
    assert read_words("JPEGImages").role == "image"
    assert read_words("label_images").role == "mask"
    assert read_words("contrast").part == ""
    assert [stem_role(stem) for stem in ("x_mask", "unmasked_3", "x", "y", "a_labelIds")] == [
        "mask",
        "",
        "",
        "",
        "mask",
    ]
    assert sorted(["s10", "S2", "s1"], key=natural) == ["s1", "S2", "s10"]


# ------------------------------------------------------------------------------------------------- prediction


def test_find_images(tmp_path: Path) -> None:
    plant(tmp_path, "p/a.png", "p/a.jpg", "q/a.png", "set/images/x.png", "set/masks/x.png", "notes.txt")
    found = find_images([tmp_path / "p", tmp_path / "q" / "a.png", str(tmp_path / "q" / "*.png"), tmp_path / "set"])
    assert [(name, file.path.relative_to(tmp_path).as_posix()) for name, file in found] == [
        ("a", "p/a.jpg"),
        ("a_2", "p/a.png"),
        ("a_3", "q/a.png"),
        ("x", "set/images/x.png"),
    ]
    plant(tmp_path, "film/train/1.png", "film/trainannot/1.png")
    assert [file.path.parent.name for _, file in find_images([tmp_path / "film"])] == ["train"]
    with pytest.raises(DataError, match="no such file"):
        find_images([tmp_path / "gone.png"])
    with pytest.raises(DataError, match="matches no picture"):
        find_images([str(tmp_path / "*.tif")])
    with pytest.raises(DataError, match=r"of kind \.txt"):
        find_images([tmp_path / "notes.txt"])
