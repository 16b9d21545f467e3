#!/usr/bin/env bash
# Makes .venv from any Python 3.11 or later and puts the locked dependencies and this checkout into it.
# Quick when nothing changed: .venv/lianxin.stamp names everything that decides what stands in .venv.
#   PYTHON=/path/to/python   the Python to make .venv from (only when .venv is made)
# Letters as PDF need Chinese fonts: they are installed where they are missing and may be.
# `deploy/setup.sh postgresql` sees to the server that the tests start for themselves, and to nothing else;
# `deploy/setup.sh letters`, to what the tests open letters with; `deploy/setup.sh strace`, to what makes calls
# fail; `deploy/setup.sh systemd` and `promtool`, to what units and alerts are checked with.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
readonly VENV=.venv STAMP=.venv/lianxin.stamp
readonly CANDIDATES=("${PYTHON:-}" python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11)

main() {
    case "${1:-}" in
    postgresql | systemd | letters | promtool)
        "$1"
        return
        ;;
    strace)
        strace_
        return
        ;;
    esac
    if [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(stamp)" ]; then
        return
    fi
    fonts
    if moved || ! runs; then
        make_venv
    fi
    echo "安装依赖（requirements.lock） · Installing the locked dependencies …" >&2
    rm -f "$STAMP"
    "$VENV/bin/python" -m pip install --quiet --require-hashes --only-binary=:all: -r requirements.lock
    # Twice quiet: setuptools warns at length of what every editable installation is.
    "$VENV/bin/python" -m pip install --quiet --quiet --no-deps --no-build-isolation --editable .
    "$VENV/bin/python" -m pip check --quiet || fail \
        "requirements.lock 与 pyproject.toml 不一致，请运行 make lock。" \
        "requirements.lock does not fit pyproject.toml: run make lock."
    stamp > "$STAMP"
    echo "就绪 · Ready: $("$VENV/bin/python" --version), $VENV" >&2
}

stamp() {
    "$VENV/bin/python" --version 2>&1 || true
    pwd -P
    sha256sum requirements.lock pyproject.toml deploy/setup.sh
}

# A checkout that was moved has scripts in .venv that point to its old place.
moved() {
    [ -f "$STAMP" ] && [ "$(sed -n 2p "$STAMP")" != "$(pwd -P)" ]
}

runs() {
    "$VENV/bin/python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

make_venv() {
    local python
    if ! python=$(find_python); then
        install_python
        python=$(find_python) || fail \
            "需要 Python 3.11 或更高版本（含 venv）：make setup PYTHON=/路径/python3.11" \
            "Python 3.11 or later with venv is needed: make setup PYTHON=/path/to/python3.11"
    fi
    echo "创建 $VENV（$("$python" --version)） · Making $VENV …" >&2
    rm -rf "$VENV"
    "$python" -m venv "$VENV"
}

find_python() {
    local candidate
    for candidate in "${CANDIDATES[@]}"; do
        if [ -n "$candidate" ] && fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

fits() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Nothing but letters as PDF needs them, so a machine where they may not be installed is told and goes on.
fonts() {
    if compgen -G '/usr/share/fonts/*/noto/NotoSerifCJK-Regular.*' >/dev/null || ! command -v apt-get >/dev/null; then
        return
    fi
    if [ "$(id -u)" != 0 ]; then
        printf '%s\n' "没有中文字体，暂不能输出 PDF 函件。请运行：" \
            "There are no Chinese fonts for letters as PDF. Run:" "    sudo apt-get install fonts-noto-cjk" >&2
        return
    fi
    echo "安装 fonts-noto-cjk · Installing fonts-noto-cjk …" >&2
    apt_install fonts-noto-cjk
}

# The word processor that the tests open letters with.
letters() {
    fonts
    if command -v soffice >/dev/null; then
        return
    fi
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "测试需要 LibreOffice，请先运行：" \
            "The tests need LibreOffice. Run this first:" \
            "    sudo apt-get install libreoffice-writer-nogui"
    fi
    echo "安装 libreoffice-writer-nogui · Installing libreoffice-writer-nogui …" >&2
    apt_install libreoffice-writer-nogui
}

# The server's programs; a cluster that runs is of no use to the tests, so none is made.
postgresql() {
    if compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
        return
    fi
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "测试需要 PostgreSQL 15 或更高版本，请先运行：" \
            "The tests need PostgreSQL 15 or later. Run this first:" \
            "    sudo apt-get install postgresql"
    fi
    echo "安装 postgresql · Installing postgresql …" >&2
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p /etc/postgresql-common
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    fi
    apt_install -o Dpkg::Options::=--force-confold postgresql
}

# For systemd-analyze, which checks the units; nothing is started.
systemd() {
    if command -v systemd-analyze >/dev/null; then
        return
    fi
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "测试需要 systemd-analyze，请先运行：" "The tests need systemd-analyze. Run this first:" \
            "    sudo apt-get install systemd"
    fi
    echo "安装 systemd · Installing systemd …" >&2
    apt_install systemd
}

# What the tests make system calls fail with.
strace_() {
    if command -v strace >/dev/null; then
        return
    fi
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "测试需要 strace，请先运行：" \
            "The tests need strace. Run this first:" \
            "    sudo apt-get install strace"
    fi
    echo "安装 strace · Installing strace …" >&2
    apt_install strace
}

# What the rules for alerts are checked with: one program out of Debian's package, whose service is not wanted here.
promtool() {
    if type -P promtool >/dev/null || [ -x "$VENV/bin/promtool" ]; then
        return
    fi
    local folder
    folder=$(mktemp -d)
    echo "取得 promtool · Getting promtool …" >&2
    chmod 755 "$folder"
    if ! (cd "$folder" && { apt-get --quiet download prometheus || { apt-get --quiet update && apt-get --quiet download prometheus; }; } &&
        dpkg-deb --extract prometheus_*.deb .) >&2; then
        rm -rf "$folder"
        fail "测试需要 promtool（Debian 软件包 prometheus）" "The tests need promtool (Debian's package prometheus)"
    fi
    install -m 755 "$folder/usr/bin/promtool" "$VENV/bin/promtool"
    rm -rf "$folder"
}

install_python() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "缺少 Python 3.11 或其 venv 模块，请先运行：" \
            "Python 3.11 or its venv module is missing. Run this first:" \
            "    sudo apt-get install python3 python3-venv"
    fi
    echo "安装 python3-venv · Installing python3-venv …" >&2
    apt_install python3 python3-venv
}

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    local install=(apt-get install --yes --quiet --no-install-recommends "$@")
    # A fresh machine has no package lists yet.
    "${install[@]}" >&2 || { apt-get update --quiet >&2 && "${install[@]}" >&2; }
}

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

main "$@"
