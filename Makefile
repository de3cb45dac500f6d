# `make up` and `make test` do their own set-up. Kept to what GNU Make 3.81 (macOS) understands.
.DEFAULT_GOAL := help
.PHONY: help up test compat pooler bench clean
export PYTHON

help:
	@echo 'make up      start everything on this machine and send the first texts; Ctrl-C stops it'
	@echo 'make test    run every test'
	@echo 'make compat  run the core against other versions of Postgres and Redis'
	@echo 'make pooler  run the acceptance tests behind a transaction pooler'
	@echo 'make bench   measure the speed'
	@echo 'make clean   remove .venv and what tools leave behind; texts and their data stay'
	@echo
	@echo "More words for the program go in ARGS: make up ARGS=--demo, make test ARGS='-k claim'."
	@echo 'Another interpreter: make up PYTHON=python3.13. Nothing needs to be installed before.'

# exec: a Ctrl-C in the terminal reaches the program once, and no shell stands in between.
up:
	@sh .ci/set-up local
	@exec .venv/bin/messaging up $(ARGS)

test:
	@sh .ci/set-up test
	@exec .venv/bin/python -m pytest --numprocesses=3 --dist=loadfile $(ARGS)

compat:
	@exec .ci/compat $(ARGS)

pooler:
	@exec .ci/pooler $(ARGS)

bench:
	@sh .ci/set-up bench
	@exec .venv/bin/messaging bench $(ARGS)

clean:
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
