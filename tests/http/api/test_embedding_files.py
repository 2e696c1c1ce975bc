"""Files of embeddings: every type, order and container that NumPy and safetensors write."""

import base64
import io
import json
import zipfile

import numpy
import pytest

from client import Daemon, run

ROWS = 12
ITEMS = [{"id": f"i{k}", "prompt_id": "p", "response": f"{k}"} for k in range(ROWS)]


def numbers(columns=5):
    """Numbers that float16 holds exactly."""
    return (numpy.arange(ROWS * columns).reshape(ROWS, columns) - 20) / 8


def bring_in(db, path):
    items = path.with_name("items.jsonl")
    items.write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    return run("import", f"--db={db}", f"--items={items}", f"--embeddings={path}")


def stored(db):
    with Daemon(db) as daemon:
        rows = daemon.get("/v1/items?limit=100&embeddings=true")["items"]
    return numpy.array([numpy.frombuffer(base64.b64decode(row["embedding"]), "<f4")
                        for row in rows])


def check(db, path, expected=None):
    done = bring_in(db, path)
    assert done.returncode == 0, done.stderr
    assert numpy.array_equal(stored(db), numbers() if expected is None else expected)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<i4", ">i8"])
def test_each_type_in_each_order_gives_its_numbers(db, tmp_path, kind, order):
    values = numpy.round(numbers() * 8) if kind[1] == "i" else numbers()
    numpy.save(tmp_path / "e.npy", numpy.array(values.astype(kind), order=order))
    check(db, tmp_path / "e.npy", values)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_each_version_of_the_header_is_read(db, tmp_path, version):
    with (tmp_path / "e.npy").open("wb") as file:
        numpy.lib.format.write_array(file, numbers().astype("<f4"), version=version)
    check(db, tmp_path / "e.npy")


def test_small_and_special_numbers_of_float16_are_right(db, tmp_path):
    bits = numpy.array([0, 1, 0x3ff, 0x400, 0x7bff, 0x8001, 0xfbff, 0x3c00, 0xc000, 0x3555, 2, 3],
                       dtype="<u2")
    values = bits.view("<f2").reshape(ROWS, 1)
    numpy.save(tmp_path / "e.npy", values)
    check(db, tmp_path / "e.npy", values.astype("<f4"))


@pytest.mark.parametrize("save", [numpy.savez, numpy.savez_compressed])
def test_an_archive_of_one_array_or_with_the_name_is_read(db, tmp_path, save):
    save(tmp_path / "one.npz", numbers().astype("<f4"))
    check(db, tmp_path / "one.npz")
    save(tmp_path / "named.npz", other=numpy.ones(3), embeddings=numbers())
    assert "12 were there already" in bring_in(db, tmp_path / "named.npz").stdout


def safetensors(path, tensors, cut=0):
    """As the library safetensors lays them out (format of 2023)."""
    kinds = {"float16": "F16", "float32": "F32", "float64": "F64", "int32": "I32", "uint16": "BF16"}
    header, data = {"__metadata__": {"made": "by hand"}}, b""
    for name, values in tensors.items():
        raw = values.tobytes()
        header[name] = {"dtype": kinds[values.dtype.name], "shape": list(values.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes((len(text).to_bytes(8, "little") + text + data)[:-cut or None])
    return path


@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8"])
def test_a_tensor_gives_its_numbers(db, tmp_path, kind):
    check(db, safetensors(tmp_path / "e.safetensors", {"vectors": numbers().astype(kind)}))


def test_bfloat16_is_the_first_half_of_float32(db, tmp_path):
    values = numbers().astype("<f4")
    halves = (values.view("<u4") >> 16).astype("<u2")
    check(db, safetensors(tmp_path / "e", {"other": numpy.ones(2, "<f4"), "embeddings": halves}))


def archive(path, members):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def saved(values):
    file = io.BytesIO()
    numpy.save(file, values)
    return file.getvalue()


def damaged_zip(path):
    numpy.savez_compressed(path, numpy.random.default_rng(1).normal(size=(ROWS, 50)))
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2:len(raw) // 2 + 200] = b"\xff" * 200
    path.write_bytes(raw)
    return path


WRONG = {
    "two arrays": (lambda path: (numpy.savez(path, a=numbers(), b=numbers()), path)[1],
                   "several arrays"),
    "no array": (lambda path: archive(path, {"x.txt": "x"}), "has no array"),
    "a cut archive": (lambda path: (path.write_bytes(b"PK\3\4" + b"x" * 60), path)[1],
                      "not a complete .npz"),
    "a damaged member": (damaged_zip, ".npz"),
    "a cut array in an archive": (lambda path: archive(path, {"e.npy": saved(numbers())[:-8]}),
                                  "not a complete"),
    "two tensors": (lambda path: safetensors(path, {"a": numbers(), "b": numbers()}), "2 tensors"),
    "a cut tensor": (lambda path: safetensors(path, {"a": numbers()}, cut=8), "safetensors"),
    "three dimensions by columns": (
        lambda path: (path.write_bytes(saved(numpy.asfortranarray(numpy.ones((ROWS, 2, 3))))),
                      path)[1], "not a complete .npy"),
    "text": (lambda path: (path.write_text("not an array at all"), path)[1], "not a complete .npy"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_array_is_refused_and_nothing_is_imported(db, tmp_path, name):
    make, words = WRONG[name]
    done = bring_in(db, make(tmp_path / "e.npz"))
    assert done.returncode == 1
    assert words in done.stderr and "e.npz" in done.stderr


@pytest.mark.parametrize("rows, expected, found", [
    (11, "(12, 5)", "(11, 5)"), (13, "(12, 5)", "(13, 5)")])
def test_a_wrong_shape_is_refused_with_both_shapes(db, tmp_path, rows, expected, found):
    numpy.save(tmp_path / "e.npy", numpy.ones((rows, 5), "<f4"))
    done = bring_in(db, tmp_path / "e.npy")
    assert done.returncode == 1
    assert expected in done.stderr and found in done.stderr


def test_another_dimension_than_the_items_have_is_refused_with_both_shapes(db, tmp_path):
    numpy.save(tmp_path / "e.npy", numbers())
    assert bring_in(db, tmp_path / "e.npy").returncode == 0
    numpy.save(tmp_path / "e.npy", numbers(6))
    done = bring_in(db, tmp_path / "e.npy")
    assert done.returncode == 1
    assert "(12, 5)" in done.stderr and "(12, 6)" in done.stderr
