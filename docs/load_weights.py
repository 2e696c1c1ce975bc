"""Scores embeddings by a reward model that fisherd exported, with NumPy alone.

    curl -o model.safetensors http://127.0.0.1:8077/v1/model/weights
    python3 load_weights.py model.safetensors embeddings.npy
"""

import json
import math
import struct
import sys

import numpy as np

TYPES = {"F32": "<f4", "F64": "<f8"}
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


def score(metadata, tensors, embeddings):
    """Rewards [n] of embeddings [n x inputs]."""
    x = (np.asarray(embeddings, float) - tensors["input.mean"]) * tensors["input.scale"]
    if "projection" in tensors:
        x = x @ tensors["projection"]
    for layer in range(int(metadata["hidden_layers"])):
        z = x @ tensors[f"layers.{layer}.weight"].T + tensors[f"layers.{layer}.bias"]
        x = z * (1 + erf(z / math.sqrt(2))) / 2
    return x @ tensors["beta"]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    for reward in score(*load(sys.argv[1]), np.load(sys.argv[2])):
        print(f"{reward:.7g}")
