"""A random forest on the pixel features of scikit-image, as ilastik's pixel classification does it."""

from __future__ import annotations

import numpy as np
from common import arguments, read_folder, write_mask
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier

PIXELS = 40_000  # to learn from; a forest of more no longer fits a minute


def features(image: np.ndarray) -> np.ndarray:
    return multiscale_basic_features(image, sigma_min=0.7, sigma_max=12, channel_axis=-1).astype(np.float32)


train, test, out, seconds, seed = arguments()
_, images, masks, classes = read_folder(train)
rng = np.random.default_rng(seed)
rows, answers = [], []
for image, mask in zip(images, masks, strict=True):
    places = np.flatnonzero(mask != 255)
    places = rng.choice(places, min(len(places), PIXELS // len(images)), replace=False)
    rows.append(features(image).reshape(-1, features(image[:32, :32]).shape[-1])[places])
    answers.append(mask.ravel()[places])
forest = RandomForestClassifier(100, min_samples_leaf=5, n_jobs=-1, random_state=seed)
forest.fit(np.concatenate(rows), np.concatenate(answers))
names, images, _, _ = read_folder(test)
for name, image in zip(names, images, strict=True):
    planes = features(image)
    answer = forest.predict(planes.reshape(-1, planes.shape[-1])).reshape(planes.shape[:2])
    write_mask(out, name, answer, classes)
