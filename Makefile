# 常用命令 · Everyday commands. `make` lists them.

BIN := .venv/bin
UV_VERSION := 0.13.9

.DEFAULT_GOAL := help
.PHONY: help setup demo test promtool check lint format types layers test-real bench licences lock real-data postgresql letters strace \
	torture-short torture

help:  ## 本列表 · this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 20

setup:  ## 准备 .venv（未变则立即返回） · make .venv; instant when nothing changed
	@deploy/setup.sh

demo: setup  ## 在虚拟时间里运行一座城市，直至结束 · a city on virtual time, to its end
	$(BIN)/lianxin demo

test: postgresql letters strace check promtool  ## 全部检查与测试 · every check and test
	$(BIN)/python -m pytest -m "not real"

postgresql:
	@deploy/setup.sh postgresql
	@deploy/setup.sh systemd

letters:
	@deploy/setup.sh letters

strace:
	@deploy/setup.sh strace

promtool: setup
	@deploy/setup.sh promtool

TORTURE := tests/test_kill.py tests/test_kill_points.py tests/test_kill_syscalls.py tests/test_workers.py tests/test_planted.py

torture-short: postgresql strace setup  ## 更多次的击杀与故障（约一小时） · the suites that kill, larger
	LIANXIN_TEST_TORTURE=short $(BIN)/python -m pytest $(TORTURE)

torture: postgresql strace setup  ## 最大规模的击杀与故障（约一天） · the same, largest
	LIANXIN_TEST_TORTURE=long $(BIN)/python -m pytest $(TORTURE)

check: lint format types layers  ## 快速检查：风格、类型、分层 · quick checks: style, types, layers

lint: setup
	$(BIN)/ruff check .

format: setup
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports --no-logo

test-real: real-data setup  ## 用真实数据测试：make test-real DATA=目录 · tests on real rows: DATA=FOLDER
	LIANXIN_REAL_DATA="$$(cd "$(DATA)" && pwd)" $(BIN)/python -m pytest -m real

real-data:
	@test -d "$(DATA)" || { echo 'make test-real DATA=FOLDER：找不到数据目录 · no such folder: "$(DATA)"' >&2; exit 2; }

bench: setup  ## 性能基准（同一次运行内的比值） · the benchmarks, as ratios inside one run
	$(BIN)/lianxin bench --page

licences: setup  ## 重新生成 docs/licences.md · write docs/licences.md anew
	$(BIN)/python deploy/licences.py

lock:  ## 重新锁定依赖；UPGRADE=--upgrade 则升级 · lock the dependencies anew; UPGRADE=--upgrade for newer ones
	@test -x $(BIN)/python || deploy/setup.sh
	$(BIN)/python -m venv .venv/lock
	.venv/lock/bin/python -m pip install --quiet uv==$(UV_VERSION)
	.venv/lock/bin/uv pip compile $(UPGRADE) --quiet --universal --python-version 3.11 --generate-hashes \
		--custom-compile-command "make lock" --no-annotate --extra dev --extra bench --extra otlp --extra confluent \
		pyproject.toml --output-file requirements.lock
