"""nnU-Net v2 as it plans itself, its 2d configuration trained on all images until the time is over.

    python nnunet.py TRAIN TEST OUT SECONDS SEED

Fingerprint, plan and preprocessing count, as ours do. Its trainer takes the steps, its learning rate falls with the
clock as it would over 1000 epochs, its predictor answers with mirror images.
"""

# ruff: noqa: E402 nnU-Net reads its places from the environment when it is imported

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WORK = Path(sys.argv[3]) / "nnunet"
PLACES = {name: WORK / name for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")}
os.environ |= {name: str(place) for name, place in PLACES.items()} | {"nnUNet_compile": "f", "nnUNet_n_proc_DA": "1"}

import torch
from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments, preprocess
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

# isort: split
from common import arguments, read_folder, shares_spent, write_mask

NUMBER, NAME = 1, "Dataset001_few"


def read_image(file: Path, channels: int) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) as it is on disk."""
    return np.asarray(Image.open(file).convert("L" if channels == 1 else "RGB"))


def lay_out(train: Path, raw: Path) -> tuple[int, int, dict]:
    """The training images as nnU-Net wants them. Returns channels, classes and its dataset.json."""
    names, images, masks, classes = read_folder(train)
    channels = images[0].shape[2]
    for kind in ("imagesTr", "labelsTr"):
        (raw / kind).mkdir(parents=True)
    for name, mask in zip(names, masks, strict=True):
        image = read_image(train / "images" / f"{name}.png", channels)
        Image.fromarray(image).save(raw / "imagesTr" / f"{name}_0000.png")
        Image.fromarray(np.where(mask == 255, classes, mask).astype(np.uint8)).save(raw / "labelsTr" / f"{name}.png")
    labels = {"background": 0} | {f"class {number}": number for number in range(1, classes)}
    if any((mask == 255).any() for mask in masks):
        labels["ignore"] = classes
    about = {
        "channel_names": {str(number): "rgb_to_0_1" if channels == 3 else "zscore" for number in range(channels)},
        "labels": labels,
        "numTraining": len(names),
        "file_ending": ".png",
    }
    (raw / "dataset.json").write_text(json.dumps(about), encoding="utf-8")
    return channels, classes, about


def main() -> None:
    train, test, out, seconds, seed = arguments()
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 its augmentation draws from it
    channels, classes, about = lay_out(train, PLACES["nnUNet_raw"] / NAME)
    extract_fingerprints([NUMBER], num_processes=2)
    plan_experiments([NUMBER])
    preprocess([NUMBER], configurations=["2d"], num_processes=[2])
    plans = json.loads((PLACES["nnUNet_preprocessed"] / NAME / "nnUNetPlans.json").read_text(encoding="utf-8"))
    plans["continue_training"] = False  # which its own command puts there
    trainer = nnUNetTrainer(plans, "2d", "all", about, device=torch.device("cpu"))
    trainer.initialize()
    trainer.on_train_start()
    trainer.on_train_epoch_start()
    for spent in shares_spent(seconds):
        for group in trainer.optimizer.param_groups:
            group["lr"] = trainer.initial_lr * (1 - spent) ** 0.9
        trainer.train_step(next(trainer.dataloader_train))
    trainer.set_deep_supervision_enabled(False)
    predictor = nnUNetPredictor(device=torch.device("cpu"))
    predictor.manual_initialization(
        trainer.network, trainer.plans_manager, trainer.configuration_manager, [trainer.network.state_dict()],
        about, "nnUNetTrainer", trainer.inference_allowed_mirroring_axes,
    )  # fmt: skip
    reader = trainer.plans_manager.image_reader_writer_class()
    for file in sorted((test / "images").glob("*.png")):
        ready = WORK / "image.png"
        Image.fromarray(read_image(file, channels)).save(ready)
        image, properties = reader.read_images([str(ready)])
        answer = predictor.predict_single_npy_array(image, properties, None, None, False)
        write_mask(out, file.stem, np.asarray(answer).squeeze().astype(np.uint8), classes)


if __name__ == "__main__":  # its workers import this file again
    main()
