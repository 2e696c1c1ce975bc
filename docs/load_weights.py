"""Scores embeddings by a reward model that fisherd exported, with NumPy alone: prints the reward of
each, and how unsure the model is of it.

    curl -o model.safetensors http://127.0.0.1:8077/v1/model/weights
    python3 load_weights.py model.safetensors embeddings.npy
"""

import json
import math
import struct
import sys

import numpy as np

TYPES = {"F32": "<f4", "F64": "<f8", "I32": "<i4"}
erf = np.vectorize(math.erf, otypes=[float])


def load(path):
    """The metadata, texts by name, and the tensors of a safetensors file, arrays by name."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    metadata = header.pop("__metadata__")
    if metadata["format_version"] != "1" or metadata["activation"] != "gelu-erf":
        raise ValueError(f"{path} has another format than this script reads: {metadata}")
    tensors = {}
    for name, about in header.items():
        begin, end = about["data_offsets"]
        array = np.frombuffer(data[begin:end], TYPES[about["dtype"]])
        tensors[name] = array.reshape(about["shape"])
    return metadata, tensors


def place(tensors, raw, prompts=None):
    """The extras [n x extras] of items, as the last layer takes them, from their raw numbers; NaN is
    a missing one. With the prompt of each item, those of one prompt are centred together, but for
    empty responses; otherwise each item stands alone, as one of a prompt that is not stored."""
    raw = np.asarray(raw, float)
    z = np.clip((raw - tensors["extras.mean"]) * tensors["extras.scale"], -3.5, 3.5)
    counted = ~np.isnan(z) & ~(raw[:, tensors["extras.id"] == 0] == 0).any(1, keepdims=True)
    centre = np.zeros_like(z)
    for prompt in set(prompts if prompts is not None else ()):
        rows = np.array([each == prompt for each in prompts])
        counts = counted[rows].sum(0)
        sums = np.where(counted[rows], z[rows], 0).sum(0)
        centre[rows] = np.where(counts > 1, sums / np.maximum(counts, 1), 0)
    return np.nan_to_num((z - centre) * tensors["extras.within"])


def is_text(metadata):
    """Which of the extras are the length and the style, [extras]; the others are prior scores."""
    return np.array([each["name"] != "score" for each in json.loads(metadata["extras"])], bool)


def features(metadata, tensors, embeddings, extras=None):
    """What the last layer takes [n x features]: of the embeddings, then the placed extras."""
    x = (np.asarray(embeddings, float) - tensors["input.mean"]) * tensors["input.scale"]
    if "projection" in tensors:
        x = x @ tensors["projection"]
    for layer in range(int(metadata["hidden_layers"])):
        z = x @ tensors[f"layers.{layer}.weight"].T + tensors[f"layers.{layer}.bias"]
        x = z * (1 + erf(z / math.sqrt(2))) / 2
    count = len(tensors.get("extras.beta", ()))
    return np.hstack([x, np.zeros((len(x), count)) if extras is None else extras])


def score(metadata, tensors, embeddings, extras=None, style="include"):
    """Rewards [n] of embeddings [n x inputs] with placed extras [n x extras]. Without extras, or
    with the style "exclude" without those of the text, they say nothing about length and style."""
    if extras is not None and style == "exclude":
        extras = np.where(is_text(metadata), 0, extras)
    beta = np.concatenate([tensors["beta"], tensors.get("extras.beta", np.zeros(0))])
    return features(metadata, tensors, embeddings, extras) @ beta


def stddev(metadata, tensors, embeddings, extras=None, style="include"):
    """What `score` says, how unsure the model is of it, [n]: sqrt(phi' M^-1 phi). A stored version
    that does not serve has the M of its training alone, and none where it was not fitted."""
    if extras is not None and style == "exclude":
        extras = np.where(is_text(metadata), 0, extras)
    phi = features(metadata, tensors, embeddings, extras)
    if "design" in tensors:  # U of M = U'U
        return np.linalg.norm(np.linalg.solve(tensors["design"].T, phi.T), axis=0)
    return np.sqrt(np.maximum(((phi @ tensors["covariance"]) * phi).sum(1), 0))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    model, embedded = load(sys.argv[1]), np.load(sys.argv[2])
    for reward, unsure in zip(score(*model, embedded), stddev(*model, embedded)):
        print(f"{reward:.7g} {unsure:.7g}")
