#!/bin/sh
# Set up an emulated Raspberry Pi in FOLDER, without root and without chroot: sh scripts/setup_arm.sh FOLDER
#   qemu/  qemu-user 10 for this machine; version 7.2 of Debian 12 crashes in both inference libraries
#   root/  aarch64 CPython 3.11 and the libraries it needs
#   base/  this project's wheel with its base dependencies, aarch64
#   onnx/  the same with the extras `onnx` and `heic`
# Debian's packages stay from run to run. The wheels are installed anew each time.
set -eu
[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
command -v apt-get >/dev/null && command -v dpkg >/dev/null || { echo "no apt-get or dpkg here" >&2; exit 1; }
[ "$(dpkg --print-architecture)" = amd64 ] || { echo "this machine is not x86-64" >&2; exit 1; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
project=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$project/.venv/bin/python}

fetch() { # ARCHITECTURE SUITE TARGET PACKAGE...: unpack packages, and all that they need, into TARGET
    architecture=$1 suite=$2 target=$3
    shift 3
    [ ! -d "$target" ] || return 0
    apt=$folder/apt-$architecture
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    echo "deb $archive $suite main" >"$apt/sources.list"
    cat >"$apt/apt.conf" <<EOF
APT::Architecture "$architecture";
APT::Architectures "$architecture";
APT::Sandbox::User "";
Dir::State::status "/dev/null";
Dir::State::lists "$apt/lists";
Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
EOF
    APT_CONFIG=$apt/apt.conf apt-get -qq --error-on=any update
    APT_CONFIG=$apt/apt.conf apt-get -qq --no-install-recommends --download-only -o Debug::NoLocking=1 install "$@"
    rm -rf "$target.partial"
    for package in "$apt"/cache/archives/*.deb; do dpkg -x "$package" "$target.partial"; done
    rm -rf "$apt"
    mv "$target.partial" "$target"
}

install_wheels() { # TARGET REQUIREMENT
    rm -rf "$1"
    "$python" -m pip install --quiet --disable-pip-version-check -c "$project/constraints.txt" \
        --python-version 3.11 --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 \
        --platform manylinux2014_aarch64 --only-binary=:all: --target "$1" "$2"
}

archive=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' | sed -n 's/^bookworm //p' | head -n 1)
[ -n "$archive" ] || { echo "apt knows no Debian 12 (bookworm) here; run apt-get update" >&2; exit 1; }
fetch amd64 bookworm-backports "$folder/qemu" qemu-user
fetch arm64 bookworm "$folder/root" python3.11 libstdc++6
rm -rf "$folder/dist"
"$python" -m build --outdir "$folder/dist" "$project" >"$folder/build.log" 2>&1 ||
    { tail -n 1 "$folder/build.log" >&2; exit 1; }
wheel=$(echo "$folder"/dist/*.whl)
install_wheels "$folder/base" "$wheel"
install_wheels "$folder/onnx" "$wheel[onnx,heic]"
