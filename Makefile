# The front door: a thin layer over cargo and the C compiler. `make help` lists the targets.

CC ?= cc
CXX ?= c++
CARGO ?= cargo
CFLAGS ?= -O2
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=

VERSION := $(shell sed -n 's/^version = "\([0-9.]*\)"/\1/p' Cargo.toml | head -n 1)
VERSION_MAJOR := $(word 1,$(subst ., ,$(VERSION)))
VERSION_MINOR := $(word 2,$(subst ., ,$(VERSION)))
RUST_NEEDED := $(shell sed -n 's/^rust-version = "\([0-9.]*\)"/\1/p' Cargo.toml)
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
BUILD := build
SYSTEM := $(shell uname -s)

ifeq ($(SYSTEM),Darwin)
CARGO_SHARED := liblode.dylib
SHARED_FILE := liblode.$(VERSION).dylib
SONAME := liblode.$(VERSION_MAJOR).dylib
LINK_NAME := liblode.dylib
RPATH := -Wl,-rpath,@loader_path/../lib
STATIC_LIBS := -lzstd -lSystem -lc -lm
else
CARGO_SHARED := liblode.so
SHARED_FILE := liblode.so.$(VERSION)
SONAME := liblode.so.$(VERSION_MAJOR)
LINK_NAME := liblode.so
RPATH := -Wl,-rpath,'$$ORIGIN/../lib'
STATIC_LIBS := -lzstd -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
endif

# Our own C is compiled with these, in addition to CFLAGS.
C_STRICT := -std=c11 -Wall -Wextra -Wpedantic -Werror
EXAMPLES := $(patsubst examples-c/%.c,%,$(wildcard examples-c/*.c))
HEADERS := $(wildcard include/*.h include/*.hpp)

export CC CXX CFLAGS BUILD STATIC_LIBS

.DEFAULT_GOAL := help
.PHONY: help tools demo lib examples check soak fuzz bench header static-libs install uninstall clean

help:
	@echo 'make demo       build, and show records going through the library and back'
	@echo 'make lib        the libraries, in $(BUILD)/lib'
	@echo 'make examples   the example programs, in $(BUILD)/bin'
	@echo 'make check      every check there is; LODE_STRICT=1 fails on one that had to be skipped'
	@echo 'make soak       the checks that take minutes: the model in depth, writers killed at random (SOAK_SECONDS=300)'
	@echo 'make fuzz       every fuzz target for FUZZ_SECONDS=60; needs a nightly Rust'
	@echo 'make bench      the figures'
	@echo 'make header     include/lode.h, again from the source'
	@echo 'make install    to PREFIX=$(PREFIX), below DESTDIR if that is given; also: uninstall'
	@echo 'make clean      remove what was built'

# ---- What a build needs: installed where that is possible, else said. ----

tools:
	@sh packaging/need.sh '$(CC)' gcc libc6-dev -- 'a C compiler (on Debian: apt-get install gcc libc6-dev)'
	@sh packaging/need.sh pkg-config pkg-config -- 'pkg-config (on Debian: apt-get install pkg-config)'
	@sh packaging/need.sh --library libzstd libzstd-dev -- 'the zstd library with its header (on Debian: apt-get install libzstd-dev)'
	@sh packaging/need.sh --rust '$(CARGO)' '$(RUST_NEEDED)'

lib: tools
	$(CARGO) build --release --lib
	@mkdir -p $(BUILD)/lib
	@for file in $(CARGO_SHARED):$(SHARED_FILE) liblode.a:liblode.a; do \
		from=$(TARGET_DIR)/release/$${file%%:*}; to=$(BUILD)/lib/$${file##*:}; \
		cmp -s "$$from" "$$to" || { cp "$$from" "$$to.new" && mv "$$to.new" "$$to"; } || exit 1; \
	done
	@ln -sf $(SHARED_FILE) $(BUILD)/lib/$(SONAME)
	@ln -sf $(SONAME) $(BUILD)/lib/$(LINK_NAME)

examples: lib
	@$(MAKE) --no-print-directory $(EXAMPLES:%=$(BUILD)/bin/%)

$(BUILD)/bin/%: examples-c/%.c $(HEADERS) $(BUILD)/lib/$(SHARED_FILE)
	@mkdir -p $(BUILD)/bin
	$(CC) $(C_STRICT) $(CPPFLAGS) $(CFLAGS) -Iinclude $< -o $@ $(LDFLAGS) -L$(BUILD)/lib $(RPATH) -llode

# ---- Demonstration ----

DEMO := $(BUILD)/demo

demo: examples
	@echo; echo '---- stream_write_records: from an iterator to a snapshot, and back ----'; echo
	@$(BUILD)/bin/stream_write_records
	@rm -rf $(DEMO)
	@for table in airports planes; do for compress in none gzip zstd; do \
		echo; \
		echo "---- ingest and cat: $$(wc -l < tests/data/$$table.jsonl) $$table, compressed with $$compress ----"; \
		id=$$($(BUILD)/bin/ingest --compress $$compress $(DEMO) $$table-$$compress tests/data/$$table.jsonl) || exit 1; \
		echo "ingest $(DEMO) $$table-$$compress: committed snapshot $$id"; \
		ls -l $(DEMO)/datasets/$$table-$$compress/snapshots/$$id/data | awk 'NF > 5 { print "stored: " $$NF ", " $$5 " bytes" }'; \
		$(BUILD)/bin/cat $(DEMO) $$table-$$compress $$id > $(DEMO)/out.jsonl || exit 1; \
		cmp $(DEMO)/out.jsonl tests/data/$$table.jsonl || exit 1; \
		echo "cat: $$(wc -l < $(DEMO)/out.jsonl) records, $$(wc -c < $(DEMO)/out.jsonl) bytes: equal to what went in"; \
	done; done
	@echo; echo 'The first record of each:'; head -qn 1 tests/data/airports.jsonl tests/data/planes.jsonl
	@rm -f $(DEMO)/out.jsonl
	@echo; echo 'The store stays in $(DEMO). Now try: $(BUILD)/bin/ingest $(DEMO) mine FILE'

# ---- Checks ----

check: examples
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps
	$(CARGO) test --workspace
	tests/c/run.sh

soak: lib
	tests/soak/run.sh

fuzz:
	fuzz/run.sh

bench: examples
	python3 benches/run.py

header:
	LODE_WRITE_HEADER=1 $(CARGO) test --test header

# What a program needs beside liblode.a; for tests/c/run.sh.
static-libs:
	@echo '$(STATIC_LIBS)'

# ---- Installation ----

FILL = sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|g' \
	-e 's|@VERSION@|$(VERSION)|g' -e 's|@VERSION_MAJOR@|$(VERSION_MAJOR)|g' -e 's|@VERSION_MINOR@|$(VERSION_MINOR)|g' \
	-e 's|@SHARED_FILE@|$(SHARED_FILE)|g' -e 's|@SONAME@|$(SONAME)|g' -e 's|@STATIC_LIBS@|$(STATIC_LIBS)|g'

install: lib
	install -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(LIBDIR)/cmake/lode' '$(DESTDIR)$(INCLUDEDIR)'
	install -m 755 $(BUILD)/lib/$(SHARED_FILE) '$(DESTDIR)$(LIBDIR)/'
	-strip -x '$(DESTDIR)$(LIBDIR)/$(SHARED_FILE)'
	ln -sf $(SHARED_FILE) '$(DESTDIR)$(LIBDIR)/$(SONAME)'
	ln -sf $(SONAME) '$(DESTDIR)$(LIBDIR)/$(LINK_NAME)'
	install -m 644 $(BUILD)/lib/liblode.a '$(DESTDIR)$(LIBDIR)/'
	install -m 644 $(HEADERS) '$(DESTDIR)$(INCLUDEDIR)/'
	$(FILL) packaging/lode.pc.in > '$(DESTDIR)$(LIBDIR)/pkgconfig/lode.pc'
	$(FILL) packaging/lodeConfig.cmake.in > '$(DESTDIR)$(LIBDIR)/cmake/lode/lodeConfig.cmake'
	$(FILL) packaging/lodeConfigVersion.cmake.in > '$(DESTDIR)$(LIBDIR)/cmake/lode/lodeConfigVersion.cmake'

uninstall:
	rm -f '$(DESTDIR)$(LIBDIR)/$(SHARED_FILE)' '$(DESTDIR)$(LIBDIR)/$(SONAME)' '$(DESTDIR)$(LIBDIR)/$(LINK_NAME)' \
		'$(DESTDIR)$(LIBDIR)/liblode.a' '$(DESTDIR)$(LIBDIR)/pkgconfig/lode.pc' \
		$(HEADERS:include/%='$(DESTDIR)$(INCLUDEDIR)/%')
	rm -rf '$(DESTDIR)$(LIBDIR)/cmake/lode'

clean:
	rm -rf $(BUILD)
	$(CARGO) clean
