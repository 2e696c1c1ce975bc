"""The inputs that a fuzzer found, one archive a target.

corpus.py unpack ARCHIVE FOLDER STAMP   makes the folder again from the archive, and touches STAMP
corpus.py pack FOLDER ARCHIVE           makes the archive of the inputs in the folder

An input is named after its content. The same inputs give the same archive, byte for byte.
"""

import gzip
import hashlib
import io
import pathlib
import re
import shutil
import sys
import tarfile

NAME = re.compile(r"[0-9a-f]{12}")


def read(archive):
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            if not member.isfile() or not NAME.fullmatch(member.name):
                sys.exit(f"{archive}: {member.name} is not an input")
            yield member.name, tar.extractfile(member).read()


def unpack(archive, folder, stamp):
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for name, content in read(archive):
        (folder / name).write_bytes(content)
    stamp.touch()


def pack(folder, archive):
    contents = [path.read_bytes() for path in folder.iterdir() if path.is_file()]
    inputs = {hashlib.sha1(content).hexdigest()[:12]: content for content in contents}
    if not inputs:
        sys.exit(f"{folder} has no inputs")
    if archive.exists() and dict(read(archive)) == inputs:
        return  # another zlib would compress the same inputs to other bytes
    # A fixed time and no file name: gzip would store both.
    with open(archive, "wb") as file, \
            gzip.GzipFile("", "wb", compresslevel=9, fileobj=file, mtime=0) as zipped, \
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(inputs.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    print(f"{archive}: {len(inputs)} inputs")


def main():
    action, *paths = sys.argv[1:]
    {"unpack": unpack, "pack": pack}[action](*map(pathlib.Path, paths))


if __name__ == "__main__":
    main()
