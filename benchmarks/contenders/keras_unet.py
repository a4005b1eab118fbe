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

from handful.scale import resize_planes

# isort: split
from common import arguments, read_folder, shares_spent, write_mask

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


def resize_image(image: np.ndarray) -> np.ndarray:
    """(H, W, C) as (C, SIDE, SIDE)."""
    return resize_planes(image.transpose(2, 0, 1), (SIDE, SIDE))


def augment(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Both shifted by the same few pixels, and one time in two the other way round."""
    both = np.concatenate([image, mask[None]])
    row, column = rng.integers(2 * SHIFT + 1, size=2)
    both = np.pad(both, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)), "reflect")
    both = both[:, row : row + SIDE, column : column + SIDE]
    both = both[..., ::-1] if rng.integers(2) else both
    return both[:-1], both[-1].astype(np.uint8)


train, test, out, seconds, seed = arguments()
keras.utils.set_random_seed(seed)
_, images, masks, classes = read_folder(train)
data = [
    (resize_image(image), np.asarray(Image.fromarray(mask).resize((SIDE, SIDE), Image.Resampling.NEAREST)))
    for image, mask in zip(images, masks, strict=True)
]
net = build(images[0].shape[2], classes)
net.compile(keras.optimizers.Adam(1e-4), keras.losses.SparseCategoricalCrossentropy(True, ignore_class=255))
rng = np.random.default_rng(seed)
for _ in shares_spent(seconds):
    batch = [augment(*data[number], rng) for number in rng.integers(len(data), size=BATCH)]
    net.train_on_batch(*(np.stack(part) for part in zip(*batch, strict=True)))
names, images, _, _ = read_folder(test)
for name, image in zip(names, images, strict=True):
    logits = net.predict_on_batch(resize_image(image)[None])[0].transpose(2, 0, 1)
    planes = resize_planes(logits, image.shape[:2])
    write_mask(out, name, planes.argmax(0).astype(np.uint8), classes)
