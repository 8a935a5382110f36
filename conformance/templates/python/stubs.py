"""Makes Python code of the .proto files: in the folder `generated`, when the driver starts and it is out of date.

`python stubs.py` does the same by hand, so that an editor finds the modules.
"""

import hashlib
import os
import sys
import tempfile
from importlib import metadata
from importlib.resources import files
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PROTO = FOLDER / "proto"
GENERATED = FOLDER / "generated"
STAMP = GENERATED / "stamp"


def ensure() -> None:
    """Makes the modules importable, generating them first where that is needed."""
    wanted = _fingerprint()
    if not STAMP.is_file() or STAMP.read_text() != wanted:
        _generate(wanted)
    sys.path.insert(0, str(GENERATED))


def proto_hash(proto: str) -> str:
    """What Lifecycle.Describe tells of the interface in this file, such as `prism/keyvalue/v1/keyvalue_basic.proto`."""
    from hashes import HASHES

    return HASHES[proto]


def _hashes(descriptors: Path) -> dict[str, str]:
    """SHA-256 of each file's descriptor without comments, which is how protoc writes it when it is not told otherwise."""
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

    files = FileDescriptorSet.FromString(descriptors.read_bytes()).file
    return {file.name: hashlib.sha256(file.SerializeToString(deterministic=True)).hexdigest() for file in files}


def _protos() -> list[Path]:
    return sorted(PROTO.rglob("*.proto"))


def _fingerprint() -> str:
    """Changes with the protos, and with the packages that the generated code has to fit."""
    digest = hashlib.sha256()
    for package in ("grpcio-tools", "protobuf"):
        digest.update(f"{package} {metadata.version(package)}\n".encode())
    for proto in _protos():
        digest.update(proto.relative_to(PROTO).as_posix().encode() + b"\n" + proto.read_bytes())
    return digest.hexdigest()


def _generate(stamp: str) -> None:
    from grpc_tools import protoc

    GENERATED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=GENERATED, prefix=".new-") as name:
        new = Path(name)
        arguments = [
            "protoc",
            f"--proto_path={PROTO}",
            f"--proto_path={files('grpc_tools') / '_proto'}",
            f"--python_out={new}",
            f"--pyi_out={new}",
            f"--grpc_python_out={new}",
            f"--descriptor_set_out={new / 'descriptors'}",
            *(str(proto) for proto in _protos()),
        ]
        if protoc.main(arguments) != 0:
            sys.exit("the .proto files could not be compiled")
        (new / "hashes.py").write_text(f"HASHES = {_hashes(new / 'descriptors')!r}\n")
        for folder in {module.parent for module in new.rglob("*.py")}:
            while folder != new:
                (folder / "__init__.py").touch()
                folder = folder.parent
        # File by file and the stamp last: several drivers may start at once, and each finds whole files.
        for made in sorted(new.rglob("*.py*")):
            target = GENERATED / made.relative_to(new)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(made, target)
        (new / "stamp").write_text(stamp)
        os.replace(new / "stamp", STAMP)


if __name__ == "__main__":
    ensure()
    print(f"the modules are in {GENERATED}")
