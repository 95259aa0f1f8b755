# The front door: a thin layer over cargo and the C compiler. `make help` lists the targets.

CC ?= cc
CXX ?= c++
CARGO ?= cargo
CFLAGS ?= -O2
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
DESTDIR ?=
# Optional parts of the library and the tool: any of object-store parquet.
FEATURES ?=

VERSION := $(shell sed -n 's/^version = "\([0-9.]*\)"/\1/p' Cargo.toml | head -n 1)
VERSION_MAJOR := $(word 1,$(subst ., ,$(VERSION)))
RUST_NEEDED := $(shell sed -n 's/^rust-version = "\([0-9.]*\)"/\1/p' Cargo.toml)
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
BUILD := build
SYSTEM := $(shell uname -s)

ifeq ($(SYSTEM),Darwin)
CARGO_SHARED := liblode.dylib
SHARED_FILE := liblode.$(VERSION).dylib
SONAME := liblode.$(VERSION_MAJOR).dylib
LINK_NAME := liblode.dylib
CMAKE_SONAME := @rpath/$(SONAME)
RPATH := -Wl,-rpath,@loader_path/../lib
STATIC_LIBS := -lzstd -lSystem -lc -lm
else
CARGO_SHARED := liblode.so
SHARED_FILE := liblode.so.$(VERSION)
SONAME := liblode.so.$(VERSION_MAJOR)
LINK_NAME := liblode.so
CMAKE_SONAME := $(SONAME)
RPATH := -Wl,-rpath,'$$ORIGIN/../lib'
STATIC_LIBS := -lzstd -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
endif

# Our own C is compiled with these, in addition to CFLAGS.
C_STRICT := -std=c11 -Wall -Wextra -Wpedantic -Werror
EXAMPLES := $(patsubst examples-c/%.c,%,$(wildcard examples-c/*.c))
HEADERS := $(wildcard include/*.h include/*.hpp include/lode/*.hpp)

export CC CXX CFLAGS CARGO BUILD STATIC_LIBS LODE_SETUP

.DEFAULT_GOAL := help
.PHONY: ALWAYS help tools demo lib tool wheel full examples check check-packagers soak fuzz miri bench header freeze-abi docs dist deb show-static-libs show-version install uninstall clean

help:
	@echo 'make demo       build, and show records going through the library and back'
	@echo 'make lib        the libraries, in $(BUILD)/lib'
	@echo 'make tool       the command line tool lode, in $(BUILD)/bin, its manual and completions, in $(BUILD)/share'
	@echo 'make wheel      the Python package with the library inside, in $(BUILD)/wheel'
	@echo 'make examples   the example programs, in $(BUILD)/bin'
	@echo 'make check      every check there is; LODE_STRICT=1 fails on one that had to be skipped'
	@echo 'make soak       the checks that take minutes: the model in depth, writers killed at random (SOAK_SECONDS=300)'
	@echo 'make fuzz       every fuzz target for FUZZ_SECONDS=60; needs a nightly Rust'
	@echo 'make miri       the unit tests of the C boundary under Miri; needs a nightly Rust'
	@echo 'make bench      the figures'
	@echo 'make header     include/lode.h, again from the source'
	@echo 'make dist       the source archive, which builds without a network, in $(BUILD)/dist'
	@echo 'make deb        the Debian packages liblode0, liblode-dev and lode, in $(BUILD)/deb'
	@echo 'make check-packagers  what takes tools that are long in building: cargo cinstall'
	@echo 'make docs       the pages and the reference of the headers as a site, in $(BUILD)/docs'
	@echo 'make freeze-abi the ABI of a version that is being released, below abi/'
	@echo 'make install    to PREFIX=$(PREFIX), below DESTDIR if that is given; also: uninstall'
	@echo 'FEATURES="object-store parquet", any of them, adds these to what lib, tool and install build'
	@echo 'make clean      remove what was built'

# ---- What a build needs: installed where that is possible, else said. ----

tools:
	@sh packaging/need.sh '$(CC)' gcc libc6-dev -- 'a C compiler (on Debian: apt-get install gcc libc6-dev)'
	@sh packaging/need.sh pkg-config pkg-config -- 'pkg-config (on Debian: apt-get install pkg-config)'
	@sh packaging/need.sh --library libzstd libzstd-dev -- 'the zstd library with its header (on Debian: apt-get install libzstd-dev)'
	@sh packaging/need.sh --rust '$(CARGO)' '$(RUST_NEEDED)'

WITH_FEATURES := $(if $(strip $(FEATURES)),--features '$(strip $(FEATURES))')

# Which features $(BUILD) has: written only when they change, and then everything in it is out of date.
BUILT_FEATURES := $(BUILD)/.features
$(BUILT_FEATURES): ALWAYS
	@mkdir -p $(BUILD)
	@echo '$(sort $(FEATURES))' | cmp -s - $@ || echo '$(sort $(FEATURES))' > $@
ALWAYS:

# Files are replaced only by different ones, so that what depends on them is not built again for nothing.
define BUILD_LIBRARIES
@sh packaging/release_build.sh $(CARGO) build --release --lib $(WITH_FEATURES)
@mkdir -p $(BUILD)/lib
@sh packaging/shared_library.sh $(TARGET_DIR)/release/liblode.a $(TARGET_DIR)/release/$(CARGO_SHARED) \
	$(BUILD)/lib/$(SHARED_FILE) '$(SONAME)' '$(VERSION)'
@from=$(TARGET_DIR)/release/liblode.a to=$(BUILD)/lib/liblode.a; \
	[ "$$to" -nt "$$from" ] && [ "$$to" -nt packaging/static_library.sh ] || \
	sh packaging/static_library.sh "$$from" $(BUILD)/lib/$(SHARED_FILE) "$$to"
@ln -sf $(SHARED_FILE) $(BUILD)/lib/$(SONAME)
@ln -sf $(SONAME) $(BUILD)/lib/$(LINK_NAME)
@touch $(BUILT)
endef

define BUILD_TOOL
@sh packaging/release_build.sh $(CARGO) build --release --package lode-cli $(WITH_FEATURES)
@mkdir -p $(BUILD)/bin $(BUILD)/share
@cmp -s $(TARGET_DIR)/release/lode $(BUILD)/bin/lode || \
	{ cp $(TARGET_DIR)/release/lode $(BUILD)/bin/lode.new && mv $(BUILD)/bin/lode.new $(BUILD)/bin/lode; }
@$(TARGET_DIR)/release/lode-pages $(BUILD)/share
@touch $(BUILT_TOOL)
endef

# The libraries, always by cargo, which knows best what has changed.
lib: tools $(BUILT_FEATURES)
	$(BUILD_LIBRARIES)

# The tool, its manual pages and the completions of shells.
tool: tools $(BUILT_FEATURES)
	$(BUILD_TOOL)

# The Python package, for any Python from 3.9 on.
wheel: lib
	@sh packaging/wheel.sh $(BUILD)/wheel

define SAY_WHAT_IS_MISSING
@echo '$@ is older than the sources, or was built with other FEATURES: building' >&2
@$(MAKE) --no-print-directory -s tools LODE_SETUP=no || \
	{ echo 'it cannot be built, and this target installs no packages; `make lib` does where it can' >&2; exit 1; }
endef

# The libraries, by cargo only if a source is newer: for `install`, whose user may have no cargo.
BUILT := $(BUILD)/lib/.built
$(BUILT): $(shell find Cargo.toml Cargo.lock build.rs src crates -name '*.rs' -o -name 'Cargo.*') \
		packaging/static_library.sh packaging/shared_library.sh packaging/version_script.sh abi/symbols $(BUILT_FEATURES)
	$(SAY_WHAT_IS_MISSING)
	$(BUILD_LIBRARIES)

BUILT_TOOL := $(BUILD)/share/.built
$(BUILT_TOOL): $(shell find Cargo.toml Cargo.lock crates -name '*.rs' -o -name 'Cargo.*') $(BUILT_FEATURES)
	$(SAY_WHAT_IS_MISSING)
	$(BUILD_TOOL)

# An empty recipe: the file's own time decides what is built again.
$(BUILD)/lib/$(SHARED_FILE): lib ;

examples: $(EXAMPLES:%=$(BUILD)/bin/%)

$(BUILD)/bin/%: examples-c/%.c $(HEADERS) $(BUILD)/lib/$(SHARED_FILE)
	@mkdir -p $(BUILD)/bin
	$(CC) $(C_STRICT) $(CPPFLAGS) $(CFLAGS) -pthread -Iinclude $< -o $@ $(LDFLAGS) -L$(BUILD)/lib $(RPATH) -llode

# ---- Demonstration ----

DEMO := $(BUILD)/demo

demo: examples tool
	@echo; echo '---- stream_write_records: from an iterator to a snapshot, and back ----'; echo
	@$(BUILD)/bin/stream_write_records
	@rm -rf $(DEMO)
	@for table in airports planes; do for compress in none gzip zstd; do \
		echo; \
		echo "---- lode ingest and lode cat: $$(wc -l < tests/data/$$table.jsonl) $$table, compressed with $$compress ----"; \
		id=$$($(BUILD)/bin/lode ingest --compress $$compress $(DEMO) $$table-$$compress tests/data/$$table.jsonl) || exit 1; \
		echo "lode ingest $(DEMO) $$table-$$compress: committed snapshot $$id"; \
		$(BUILD)/bin/lode cat $(DEMO) $$table-$$compress $$id > $(DEMO)/out.jsonl || exit 1; \
		cmp $(DEMO)/out.jsonl tests/data/$$table.jsonl || exit 1; \
		echo "lode cat: $$(wc -l < $(DEMO)/out.jsonl) records, $$(wc -c < $(DEMO)/out.jsonl) bytes: equal to what went in"; \
	done; done
	@rm -f $(DEMO)/out.jsonl
	@echo; echo '---- lode ls and lode show: what is there now ----'; echo
	@$(BUILD)/bin/lode ls $(DEMO)
	@echo; $(BUILD)/bin/lode show $(DEMO) airports-zstd
	@echo; echo 'The first record of each:'; head -qn 1 tests/data/airports.jsonl tests/data/planes.jsonl
	@echo; echo 'The store stays in $(DEMO). Now try: $(BUILD)/bin/lode ingest $(DEMO) mine FILE'

# ---- Checks ----

# The library and the tool with every feature, beside the core build: build/full/lib, build/full/bin. They have a target
# directory of their own, so that neither build replaces what the other needs.
full: tools
	@CARGO_TARGET_DIR='$(TARGET_DIR)/full' $(MAKE) --no-print-directory lib tool BUILD=$(BUILD)/full FEATURES='object-store parquet'

# The core build is what most users have: it is linted by itself, and the C checks run against it. Both builds end in a
# link-time optimisation on one core, so they run side by side; so do the C checks, one after another, and the tests of
# Rust. What the C checks say comes last.
check: tools
	@$(MAKE) --no-print-directory full & full=$$!; \
		$(MAKE) --no-print-directory examples tool; core=$$?; wait $$full && exit $$core
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --all-features
	@tests/c/run.sh > '$(BUILD)/c-checks.log' 2>&1 & c=$$!; \
		$(CARGO) test --workspace --all-features; rust=$$?; \
		wait $$c; c=$$?; cat '$(BUILD)/c-checks.log'; [ $$rust = 0 ] && [ $$c = 0 ]

# cargo-c is compiled once, which takes minutes, into the cache.
check-packagers: lib
	tests/packagers.sh

soak: lib full
	tests/soak/run.sh

fuzz:
	fuzz/run.sh

miri:
	tests/miri.sh

bench: examples
	python3 benches/run.py

header:
	LODE_WRITE_HEADER=1 $(CARGO) test --test header

# The ABI of this version, as later ones are checked against: run it when the version is released.
freeze-abi:
	sh packaging/freeze_abi.sh '$(VERSION)'

# The source archive, which builds without a network, and the Debian packages.
dist:
	@sh packaging/dist.sh $(BUILD)/dist

deb: lib tool
	@sh packaging/debian.sh $(BUILD)/deb

# The pages as a site; needs mdbook and doxygen.
docs:
	@sh packaging/docs.sh $(BUILD)/docs

# For scripts: what a program needs beside liblode.a, and the version.
show-static-libs:
	@echo '$(STATIC_LIBS)'

show-version:
	@echo '$(VERSION)'

# ---- Installation ----

# Neither target runs a package manager, and what is built already needs no cargo.

install uninstall: export INSTALL_PREFIX = $(PREFIX)
install uninstall: export INSTALL_LIBDIR = $(LIBDIR)
install uninstall: export INSTALL_INCLUDEDIR = $(INCLUDEDIR)
install uninstall: export INSTALL_BINDIR = $(BINDIR)
install uninstall: export INSTALL_DATADIR = $(DATADIR)
install uninstall: export INSTALL_DESTDIR = $(DESTDIR)
install uninstall: export HEADERS := $(HEADERS)
install uninstall: export VERSION := $(VERSION)
install uninstall: export SHARED_FILE := $(SHARED_FILE)
install uninstall: export SONAME := $(SONAME)
install uninstall: export CMAKE_SONAME := $(CMAKE_SONAME)
install uninstall: export LINK_NAME := $(LINK_NAME)

install: $(BUILT) $(BUILT_TOOL)
	@sh packaging/install.sh install

uninstall:
	@sh packaging/install.sh uninstall

clean:
	rm -rf $(BUILD)
	$(CARGO) clean
