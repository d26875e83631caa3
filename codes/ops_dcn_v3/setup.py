"""Builds the deformable operators: DCNv2 and DCNv3 for CPUs with any C++ compiler, DCNv3 for CUDA where nvcc is found.

python setup.py [--output FOLDER] [--cpu-only | --require-cuda] [--sanitize] [--if-needed]

writes refsr_dcnv3.so and refsr_dcnv3.json (what it was built for) into FOLDER, codes/refsr/ops/lib by default, and says
in one line what was built. CXX, CXXFLAGS, NVCC,
CUDA_HOME and TORCH_CUDA_ARCH_LIST are honoured. It is a plain shared library, so one build serves every Python.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import runpy
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parent / "refsr" / "ops" / "lib"
CPU_SOURCES = ("dcnv3", "dcnv2")
NEWEST_KNOWN = ("8.0", "9.0", "12.0")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder that the library goes into")
    parser.add_argument("--cpu-only", action="store_true", help="leave the CUDA part out even where nvcc is found")
    parser.add_argument("--require-cuda", action="store_true", help="fail where the CUDA part cannot be built")
    parser.add_argument("--sanitize", action="store_true", help="AddressSanitizer and UndefinedBehaviourSanitizer")
    parser.add_argument("--if-needed", action="store_true", help="do nothing where a build of these sources is there")
    arguments = parser.parse_args()
    if arguments.if_needed and _is_current(arguments.output):
        return 0
    try:
        import torch
    except Exception as error:
        return _fail(f"torch cannot be imported by {sys.executable} ({error})")
    compiler = shlex.split(os.environ.get("CXX", "")) or [_first("g++", "c++", "clang++")]
    if not compiler[0] or not shutil.which(compiler[0]):
        return _fail("no C++ compiler found (CXX names one); the plain torch operator serves without it")

    include = Path(torch.__file__).parent / "include"
    libraries = Path(torch.__file__).parent / "lib"
    standard = "c++20" if _version(torch.__version__) >= (2, 10) else "c++17"
    vector = _vector_flags(torch)
    common = ["-O3", f"-std={standard}", f"-I{include}", f"-I{HERE / 'src'}", f"-D_GLIBCXX_USE_CXX11_ABI={_abi(torch)}"]
    sanitize = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-g"] if arguments.sanitize else []
    extra = shlex.split(os.environ.get("CXXFLAGS", ""))
    links = [f"-L{libraries}", f"-Wl,-rpath,{libraries}", "-lc10", "-ltorch_cpu"]
    nvcc = None if arguments.cpu_only or torch.version.cuda is None else _nvcc()
    architectures = _architectures(nvcc) if nvcc else []

    with tempfile.TemporaryDirectory() as folder:
        objects = [f"{folder}/{name}.o" for name in CPU_SOURCES]
        flags = [
            *common,
            "-fPIC",
            "-fopenmp-simd",
            "-ffp-contract=fast",
            "-fno-math-errno",
            "-fno-trapping-math",
            "-Wno-unknown-pragmas",
        ]
        for name, made in zip(CPU_SOURCES, objects, strict=True):
            source = str(HERE / "src" / f"{name}.cpp")
            if _failed([*compiler, *flags, *vector, *sanitize, *extra, "-c", source, "-o", made]):
                return _fail(f"the CPU part did not compile: {name}.cpp")
        cpu_objects = list(objects)
        cuda = "none"
        if nvcc:
            cuda_object = f"{folder}/cuda.o"
            generate = [f"-gencode=arch=compute_{a.split('_')[1]},code={a}" for a in architectures]
            host = ["-Xcompiler", "-fPIC", "--expt-relaxed-constexpr", "-lineinfo"]
            source = str(HERE / "src" / "dcnv3.cu")
            if _failed([nvcc, *common, *generate, *host, "-c", source, "-o", cuda_object]):
                print("ops_dcn_v3: the CUDA part did not compile; going on without it", file=sys.stderr)
                architectures = []
            else:
                objects.append(cuda_object)
                cuda = _said([nvcc, "--version"]).rsplit("release ", 1)[-1].split(",")[0]
        library = f"{folder}/refsr_dcnv3.so"
        # nvcc links with its own runtime, wherever that lies.
        both = [nvcc, "-shared", *objects, *[f"-Xlinker={x[4:]}" if x.startswith("-Wl,") else x for x in links]]
        if architectures and _failed([*both, "-lc10_cuda", "-ltorch_cuda", "-o", library]):
            print("ops_dcn_v3: the CUDA part did not link; going on without it", file=sys.stderr)
            architectures, cuda = [], "none"
        cpu_alone = [*compiler, "-shared", *sanitize, *cpu_objects, *links, "-lpthread", "-o", library]
        if not architectures and _failed(cpu_alone):
            return _fail("the library did not link")
        if arguments.require_cuda and not architectures:
            return _fail("the CUDA part was asked for" if nvcc else "no nvcc found, and the CUDA part was asked for")
        stamp = {
            "operators": sorted(CPU_SOURCES),
            "sources": _digest(),
            "torch": torch.__version__,
            "cuda": cuda,
            "architectures": architectures,
            "compiler": _said([*compiler, "--version"]).splitlines()[0],
            "machine": platform.machine(),
            "instructions": "AVX2" if vector else "baseline",
        }
        arguments.output.mkdir(parents=True, exist_ok=True)
        # Renamed into place, the stamp last: a reader never meets a half-written file.
        for name, write in (("refsr_dcnv3.so", library), ("refsr_dcnv3.json", None)):
            staged = arguments.output / f".{name}.{os.getpid()}"
            if write:
                shutil.copy(write, staged)
            else:
                staged.write_text(json.dumps(stamp, indent=1) + "\n")
            staged.replace(arguments.output / name)
    built_cuda = f"CUDA {cuda} ({', '.join(architectures)})" if architectures else "no CUDA part"
    print(
        f"ops_dcn_v3: built CPU ({stamp['instructions']}), {built_cuda}, for torch {torch.__version__}:",
        arguments.output,
    )
    return 0


def _is_current(folder: Path) -> bool:
    """Whether the build in a folder is of these sources, for the torch that is installed; torch is not imported."""
    found = importlib.util.find_spec("torch")
    try:
        stamp = json.loads((folder / "refsr_dcnv3.json").read_text())
        version = runpy.run_path(str(Path(found.origin).with_name("version.py")))["__version__"]
    except (OSError, ValueError, AttributeError, TypeError):
        return False
    return (stamp.get("sources"), stamp.get("torch")) == (_digest(), version) and (folder / "refsr_dcnv3.so").is_file()


def _digest() -> str:
    content = b"".join(file.read_bytes() for file in (Path(__file__), *sorted((HERE / "src").iterdir())))
    return hashlib.sha256(content).hexdigest()


def _vector_flags(torch: object) -> list[str]:
    # Only what this machine has; the loader refuses the library where a machine has less.
    capability = torch.backends.cpu.get_cpu_capability()  # type: ignore[attr-defined]
    has_avx2 = platform.machine() in ("x86_64", "AMD64") and capability.startswith("AVX")
    return ["-mavx2", "-mfma", "-mf16c"] if has_avx2 else []


def _architectures(nvcc: str) -> list[str]:
    asked = os.environ.get("TORCH_CUDA_ARCH_LIST", "").replace(";", " ").split()
    known = set(_said([nvcc, "--list-gpu-code"]).split())
    left = []
    for one in asked or NEWEST_KNOWN:
        number = one.removesuffix("+PTX").replace(".", "")
        if f"sm_{number}" in known:
            # With +PTX, code that newer GPUs finish compiling goes along.
            left += [f"sm_{number}", *([f"compute_{number}"] if one.endswith("+PTX") else [])]
        else:
            print(f"ops_dcn_v3: this nvcc knows no architecture {one}; going on without it", file=sys.stderr)
    if left:
        return left
    # A compiler older than all that is wanted still builds for the newest that it knows.
    numbers = (one.removeprefix("sm_") for one in known if one.startswith("sm_"))
    return [f"sm_{max(numbers, key=lambda number: int(number.rstrip('af')))}"]


def _nvcc() -> str | None:
    home = os.environ.get("CUDA_HOME", "")
    places = [os.environ.get("NVCC", ""), f"{home}/bin/nvcc" if home else "", "nvcc", "/usr/local/cuda/bin/nvcc"]
    return next((found for place in places if place and (found := shutil.which(place))), None)


def _version(text: str) -> tuple[int, int]:
    major, minor = text.split("+")[0].split(".")[:2]
    return int(major), int(minor)


def _abi(torch: object) -> int:
    return int(torch.compiled_with_cxx11_abi())  # type: ignore[attr-defined]


def _first(*names: str) -> str:
    return next((name for name in names if shutil.which(name)), "")


def _failed(command: list[str]) -> bool:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(shlex.join(command), done.stderr[-4000:], sep="\n", file=sys.stderr)
    return done.returncode != 0


def _said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _fail(reason: str) -> int:
    print(f"ops_dcn_v3: nothing built: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
