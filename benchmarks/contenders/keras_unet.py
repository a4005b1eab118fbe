"""The U-Net that many began with: 31 million parameters in Keras, images resized to 256x256, two a step.

Widths 64 to 1024, dropout of a half on the lowest two levels, Adam at 1e-4, cross-entropy, small shifts and mirror
images: the net of Ronneberger et al. 2015 as Keras projects of 2017 trained it, on images of one size.
"""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers
from PIL import Image

# isort: split
import time

from common import BEGAN, arguments, read_folder, write_mask

keras.config.set_image_data_format("channels_first")  # the other way torch's backward pass fails
SIDE, BATCH = 256, 2
SHIFT = 13  # a twentieth


def convolve(x: keras.KerasTensor, width: int, size: int = 3) -> keras.KerasTensor:
    return layers.Conv2D(width, size, activation="relu", padding="same", kernel_initializer="he_normal")(x)


def build(channels: int, classes: int) -> keras.Model:
    given = x = keras.Input((channels, SIDE, SIDE))
    skips = []
    for width in (64, 128, 256, 512):
        x = convolve(convolve(x, width), width)
        x = layers.Dropout(0.5)(x) if width == 512 else x
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.5)(convolve(convolve(x, 1024), 1024))
    for width in (512, 256, 128, 64):
        x = convolve(layers.UpSampling2D()(x), width, 2)
        x = convolve(convolve(layers.Concatenate(1)([skips.pop(), x]), width), width)
    return keras.Model(given, layers.Permute((2, 3, 1))(layers.Conv2D(classes, 1)(x)))


def resize(plane: np.ndarray, size: tuple[int, int], how: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(plane).resize(size[::-1], how))


def resize_image(image: np.ndarray) -> np.ndarray:
    planes = [resize(image[..., c], (SIDE, SIDE), Image.Resampling.BILINEAR) for c in range(image.shape[2])]
    return np.stack(planes, -1)


def augment(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Both shifted by the same few pixels, and one time in two the other way round."""
    both = np.concatenate([image, mask[..., None].astype(np.float32)], -1)
    rows, columns = rng.integers(2 * SHIFT + 1, size=2)
    both = np.pad(both, ((SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), "reflect")[
        rows : rows + SIDE, columns : columns + SIDE
    ]
    both = both[:, ::-1] if rng.integers(2) else both
    return both[..., :-1].transpose(2, 0, 1), both[..., -1].astype(np.uint8)


train, test, out, seconds, seed = arguments()
keras.utils.set_random_seed(seed)
_, images, masks, classes = read_folder(train)
data = [
    (resize_image(image), resize(mask, (SIDE, SIDE), Image.Resampling.NEAREST))
    for image, mask in zip(images, masks, strict=True)
]
net = build(images[0].shape[2], classes)
net.compile(keras.optimizers.Adam(1e-4), keras.losses.SparseCategoricalCrossentropy(True, ignore_class=255))
rng = np.random.default_rng(seed)
while time.monotonic() - BEGAN < 0.9 * seconds:
    batch = [augment(*data[number], rng) for number in rng.integers(len(data), size=BATCH)]
    net.train_on_batch(*(np.stack(part) for part in zip(*batch, strict=True)))
names, images, _, _ = read_folder(test)
for name, image in zip(names, images, strict=True):
    logits = net.predict_on_batch(resize_image(image).transpose(2, 0, 1)[None])[0]
    planes = [resize(logits[..., number], image.shape[:2], Image.Resampling.BILINEAR) for number in range(classes)]
    write_mask(out, name, np.argmax(planes, 0).astype(np.uint8), classes)
