#!/bin/sh
# Builds the wheel and tests it as a user would use it: in its own environment, outside the repository, without extras and
# without compiled operators.
#
#     sh scripts/check_wheel.sh [EXTRA...]
#
# Each EXTRA is then installed and tested alone.
#
#     sh scripts/check_wheel.sh --lowest [pytest arguments]
#
# Installs the wheel with the lowest versions that pyproject.toml names instead, and runs the tests with it. REFSR_LOWEST
# names a folder in which that environment is kept: it takes gigabytes.
set -eu
cd "$(dirname "$0")/.."
lowest=
if [ "${1:-}" = --lowest ]; then
    lowest=yes
    shift
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
python="$folder/venv/bin/python"
# From a copy: building leaves files beside the sources.
git ls-files -z | tar --null --create --files-from=- | tar --extract --directory="$(mkdir "$folder/source" && echo "$folder/source")"
"$python" -m pip wheel -q --no-deps -w "$folder" "$folder/source"
wheel=$(ls "$folder"/*.whl)

if [ -n "$lowest" ]; then
    # pip cannot prefer the lowest versions; uv finds them, pip installs them.
    "$python" -m pip install -q uv
    "$folder/venv/bin/uv" pip compile -q --no-header --no-annotate --resolution lowest-direct --python "$python" \
        --extra test --extra vision --extra geo "$folder/source/pyproject.toml" -o "$folder/lowest.txt"
    environment=${REFSR_LOWEST:-$folder/lowest}
    [ -x "$environment/bin/python" ] || "${PYTHON:-python3}" -m venv "$environment"
    python=$(cd "$environment/bin" && pwd)/python
    "$python" -m pip install -q -r "$folder/lowest.txt"
    "$python" -m pip install -q --no-deps --force-reinstall "$wheel"
    cd "$folder/source"
    "$python" -m pytest -n 2 "$@"
    exit
fi
"$python" -m pip install -q "$wheel"

cd "$folder"
PATH="$folder/venv/bin:$PATH"
refsr --version
refsr --help > help.txt
refsr info
python - << 'END'
from refsr.core.registry import NAMES, names, resolve

built = [(kind, name) for kind in NAMES for name in names(kind)]
for kind, name in built:
    resolve(kind, name)
print(f"{len(built)} names of the table, all of them there")
END
refsr world world --places 1 --test 1 --size 192 --seed 5
image=$(ls world/test/LR)
refsr restore --model rrsnet-small-x4 --lr "world/test/LR/$image" --ref "world/test/Ref/$image" -o sharp.png

for extra in "$@"; do
    # What the first environment has is seen from the second, which takes the extra's own packages alone.
    python -m venv "$folder/$extra"
    ls -d "$folder"/venv/lib/python*/site-packages > "$(ls -d "$folder/$extra"/lib/python*/site-packages)/wheel.pth"
    "$folder/$extra/bin/python" -m pip install -q "$wheel[$extra]"
    "$folder/$extra/bin/python" -m refsr --version > /dev/null
    echo "extra $extra: installs alone"
done
