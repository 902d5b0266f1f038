# Builds gorocheck. The targets people use are listed by `make help`; what a target needs beyond the compiler is
# installed by .ci/deps. Everything built goes below $(BUILD); nothing is ever written beside a source file.
#
# A new source file needs no line here: products are made of all shim/*.c, analyzer/*.c and trace/*.c but
#   X_test.c   a cmocka program. An analyzer or trace test is linked with all objects of its directory but main.o; a
#              shim test is linked with trace/ only and includes the source it tests, so that it can double the rest.
#   X_make.c   support that only tests and benches link
#   X_bench.c  a program of `make bench`

BUILD = build
PREFIX = /usr/local
DESTDIR =
CC = gcc
CXX = g++
EXTRA =
CFLAGS = -O2 -g
LDFLAGS =
MUTATIONS = 100000
PATCH_CASES = 100000

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
    -Wold-style-definition -Wvla -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wswitch-enum \
    -Wimplicit-fallthrough -Wnull-dereference -Wframe-larger-than=4096
COMMON = -std=c11 -D_GNU_SOURCE -I. $(WARNINGS) -MMD -MP
# The recorder lives in foreign processes: hidden names, static TLS, unwindable through cancellation, never unloaded.
# -fno-builtin and -fno-tree-loop-distribute-patterns: the compiler must not turn our loops into calls that we intercept.
SHIM_CFLAGS = -O2 -g -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-omit-frame-pointer -fexceptions \
    -fno-builtin $(call accepted,-fno-tree-loop-distribute-patterns) -fno-stack-protector -U_FORTIFY_SOURCE
SHIM_LDFLAGS = -shared -Wl,-z,defs -Wl,-z,nodelete -Wl,-z,now -Wl,-soname,libgorocheck.so
# libgcc_s before libunwind: both export _Unwind_*, and the host's cancellation and exceptions must find libgcc's.
SHIM_LDLIBS = -Wl,--no-as-needed -lgcc_s -Wl,--as-needed -lunwind -ldl -lpthread
STUB_LDFLAGS = -shared -Wl,-z,defs -Wl,-soname,libtsan.so.2
ANALYZER_LDLIBS = -ldw -lelf -liberty -ljansson -lpthread -lm

accepted = $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2>/dev/null && echo $(1))
objects = $(patsubst %.c,$(BUILD)/$(1)/%.o,$(2))

not_product = %_test.c %_make.c %_bench.c shim/stub_%.c
TRACE_SOURCES = $(filter-out $(not_product),$(sort $(wildcard trace/*.c)))
SHIM_SOURCES = $(filter-out $(not_product),$(sort $(wildcard shim/*.c)))
ANALYZER_SOURCES = $(filter-out $(not_product),$(sort $(wildcard analyzer/*.c)))
STUB_SOURCES = $(wildcard shim/stub_*.c)

TRACE_OBJECTS = $(call objects,obj,$(TRACE_SOURCES))
ANALYZER_OBJECTS = $(call objects,obj,$(ANALYZER_SOURCES))
SHIM_OBJECTS = $(call objects,pic,$(SHIM_SOURCES) $(TRACE_SOURCES))
STUB_OBJECTS = $(call objects,pic,$(STUB_SOURCES))
ANALYZER_PARTS = $(filter-out $(BUILD)/obj/analyzer/main.o,$(ANALYZER_OBJECTS)) \
    $(call objects,obj,$(wildcard analyzer/*_make.c)) $(TRACE_OBJECTS)

ANALYZER_TESTS = $(patsubst %.c,$(BUILD)/test/%,$(sort $(wildcard analyzer/*_test.c)))
TRACE_TESTS = $(patsubst %.c,$(BUILD)/test/%,$(sort $(wildcard trace/*_test.c)))
SHIM_TESTS = $(patsubst %.c,$(BUILD)/test/%,$(sort $(wildcard shim/*_test.c)))
TESTS = $(TRACE_TESTS) $(SHIM_TESTS) $(ANALYZER_TESTS)
BENCHES = $(patsubst analyzer/%.c,$(BUILD)/bench/%,$(wildcard analyzer/*_bench.c))

GOROCHECK = $(BUILD)/bin/gorocheck
SHIM = $(BUILD)/lib/libgorocheck.so
STUB = $(if $(STUB_SOURCES),$(BUILD)/lib/gorocheck/libtsan.so.2)
NEAR = $(BUILD)/lib/gorocheck/libgorocheck_near.a

.PHONY: all tests help deps demo test unit-test check check-asan check-digest check-warnings check-tidy check-schema check-go check-format check-deps check-patch \
    check-docs check-header bench real rebuild install uninstall format docs clean
.DELETE_ON_ERROR:
.SECONDARY:

all: $(GOROCHECK) $(SHIM) $(STUB) $(NEAR)
tests: $(TESTS)

help:
	@echo 'make            builds $(GOROCHECK) and $(SHIM)'
	@echo 'make deps       installs what the build and the tests need (Debian 12, apt-get)'
	@echo 'make demo       records and explains a small job server that has bugs'
	@echo 'make test       unit tests and test programs'
	@echo 'make check      sanitizers, warnings as errors, clang-tidy, formatting, include directions, docs up to date'
	@echo 'make bench      against native, ThreadSanitizer, Helgrind and DRD (minutes)'
	@echo 'make real       real programs with and without the recorder (minutes)'
	@echo 'make rebuild    two Debian source packages built by gorocheck cc, run, findings listed (minutes)'
	@echo 'make install    PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)'
	@echo 'make format     clang-format on every source file'
	@echo 'make docs       writes the pages made from trace/ anew, and the demo in README.md'

# ---- products ----

$(GOROCHECK): $(ANALYZER_OBJECTS) $(TRACE_OBJECTS)
	@mkdir -p $(@D)
	@echo 'LINK $@'
	@$(CC) $(CFLAGS) $(EXTRA) $(LDFLAGS) -o $@ $^ $(ANALYZER_LDLIBS)

$(SHIM): $(SHIM_OBJECTS)
	@mkdir -p $(@D)
	@echo 'LINK $@'
	@$(CC) $(SHIM_CFLAGS) $(SHIM_LDFLAGS) $(LDFLAGS) -o $@ $^ $(SHIM_LDLIBS)

$(BUILD)/lib/gorocheck/libtsan.so.2: $(STUB_OBJECTS)
	@mkdir -p $(@D)
	@echo 'LINK $@'
	@$(CC) $(SHIM_CFLAGS) $(STUB_LDFLAGS) $(LDFLAGS) -o $@ $^

# The same fast path again, to be linked into instrumented programs.
$(NEAR): $(BUILD)/near/shim/abi_fast.o
	@mkdir -p $(@D)
	@echo 'AR   $@'
	@rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/near/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo 'CC   $< (near)'
	@$(CC) $(COMMON) $(SHIM_CFLAGS) '-DENTRY=__attribute__((visibility("hidden")))' -c -o $@ $<

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo 'CC   $<'
	@$(CC) $(COMMON) $(CFLAGS) $(EXTRA) -c -o $@ $<

# 16-byte atomics are one instruction, cmpxchg16b, only where the compiler may use it.
$(call objects,pic,$(wildcard shim/atomic*.c shim/stub_tsan.c)): SHIM_CFLAGS += -mcx16

# Copies of machine code (patch_stub.c) call the recorder without saving vector registers. Not so functions of the C
# library's and ThreadSanitizer's interfaces that take or return floating point numbers, and what prints one at the end.
floating = shim/abi.c shim/arguments.c shim/go_float.c shim/print.c shim/range.c shim/stub_tsan.c
$(call objects,pic,$(filter-out $(floating),$(wildcard shim/*.c trace/*.c))): SHIM_CFLAGS += -mgeneral-regs-only

# The fast path of an access is fifteen instructions; a frame would cost it a fifth more.
$(BUILD)/pic/shim/abi_fast.o $(BUILD)/near/shim/abi_fast.o: SHIM_CFLAGS += -fomit-frame-pointer
# So would it on the path of what the filter has not seen, five functions deep.
$(BUILD)/pic/shim/access.o $(BUILD)/pic/shim/access_near.o $(BUILD)/pic/shim/patch_stub.o $(BUILD)/pic/shim/open.o $(BUILD)/pic/shim/gather.o $(BUILD)/pic/trace/codec.o: SHIM_CFLAGS += -fomit-frame-pointer

$(BUILD)/pic/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo 'CC   $< (shim)'
	@$(CC) $(COMMON) $(SHIM_CFLAGS) $(if $(findstring sanitize,$(EXTRA)),,$(EXTRA)) -c -o $@ $<

# ---- tests ----

$(BUILD)/test/trace/%: $(BUILD)/obj/trace/%.o $(TRACE_OBJECTS)
	@mkdir -p $(@D)
	@echo 'LINK $@'
	@$(CC) $(CFLAGS) $(EXTRA) $(LDFLAGS) -o $@ $^ -lcmocka

$(BUILD)/test/shim/%: $(BUILD)/obj/shim/%.o $(TRACE_OBJECTS)
	@mkdir -p $(@D)
	@echo 'LINK $@'
	@$(CC) $(CFLAGS) $(EXTRA) $(LDFLAGS) -o $@ $^ -lcmocka -lpthread -ldl

$(BUILD)/obj/shim/%.o: CFLAGS += -mcx16 -fno-builtin
# It calls the slow path from copies, with vector registers that matter.
$(BUILD)/obj/shim/patch_property_test.o $(BUILD)/obj/shim/patch_forms_test.o: CFLAGS += -mgeneral-regs-only

$(BUILD)/test/analyzer/%: $(BUILD)/obj/analyzer/%.o $(ANALYZER_PARTS)
	@mkdir -p $(@D)
	@echo 'LINK $@'
	@$(CC) $(CFLAGS) $(EXTRA) $(LDFLAGS) -o $@ $^ -lcmocka $(ANALYZER_LDLIBS)

$(BUILD)/bench/%: $(BUILD)/obj/analyzer/%.o $(ANALYZER_PARTS)
	@mkdir -p $(@D)
	@echo 'LINK $@'
	@$(CC) $(CFLAGS) $(EXTRA) $(LDFLAGS) -o $@ $^ $(ANALYZER_LDLIBS) -lcmocka

deps:
	@.ci/deps build

# Packages first, then the build: the order must hold under `make -j` too, hence the second make.
test: deps
	@+$(MAKE) --no-print-directory all tests
	@BUILD='$(BUILD)' testprogs/check/test $(TESTS)

unit-test: tests
	@BUILD='$(BUILD)' UNIT_ONLY=1 testprogs/check/test $(TESTS)

demo: deps
	@+$(MAKE) --no-print-directory all
	@BUILD='$(BUILD)' testprogs/check/demo

# ---- checks ----

check:
	@.ci/deps check
	@+$(MAKE) --no-print-directory check-deps check-docs check-header check-format check-warnings check-tidy check-schema check-go check-asan check-digest check-patch
	@echo 'check: all passed'

# The rewriter of machine code: many random functions, and what Valgrind's lackey sees of a program built in ten ways.
check-patch:
	@.ci/deps build oracle
	@+$(MAKE) --no-print-directory all $(BUILD)/test/shim/patch_property_test
	@PATCH_CASES=$(PATCH_CASES) $(BUILD)/test/shim/patch_property_test
	@BUILD='$(BUILD)' testprogs/oracle/run
	@BUILD='$(BUILD)' PATCH=main:patch_lazy=1 testprogs/oracle/run
	@BUILD='$(BUILD)' PATCH=main:sites=0 testprogs/oracle/run

# The analyzer and all tests that do not live in a host, under AddressSanitizer and UBSan; the reader with many mutations.
check-asan:
	@+$(MAKE) --no-print-directory BUILD=$(BUILD)/asan CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	    EXTRA='-fsanitize=address,undefined -fno-sanitize-recover=all' asan-tests
asan-tests: $(GOROCHECK) $(TRACE_TESTS) $(ANALYZER_TESTS)
	@BUILD='$(BUILD)' UNIT_ONLY=1 UNIT_TIMEOUT=3600 GOROCHECK_MUTATIONS=$(MUTATIONS) \
	    ASAN_OPTIONS=max_malloc_fill_size=0:malloc_context_size=5:quarantine_size_mb=16 \
	    testprogs/check/test $(TRACE_TESTS) $(ANALYZER_TESTS)
.PHONY: asan-tests

check-warnings:
	@+$(MAKE) --no-print-directory BUILD=$(BUILD)/werror-gcc CC=gcc EXTRA=-Werror all tests
	@+$(MAKE) --no-print-directory BUILD=$(BUILD)/werror-clang CC=clang EXTRA=-Werror all tests

# Traces that are analyzed while they are written: half a minute of end-to-end runs.
check-digest: all
	@BUILD='$(BUILD)' testprogs/check/digest
	@BUILD='$(BUILD)' testprogs/check/equal

# JSON reports of programs with findings of every kind against the schema in docs/.
check-schema: all
	@BUILD='$(BUILD)' testprogs/check/schema

# gorocheck go in a module of several packages, vendor, GOPATH, tests, cgo.
check-go: all
	@BUILD='$(BUILD)' testprogs/check/go_layouts

check-tidy:
	@CC='$(CC)' testprogs/check/tidy

# gorocheck.h in C and C++, with gcc and clang, in all kinds of executables: what it costs.
check-header: all
	@BUILD='$(BUILD)' testprogs/check/header

check-format:
	@testprogs/check/format --check

check-deps:
	@testprogs/check/includes

# Pages of docs/ that programs of testprogs/check/ write from the headers and tables of trace/.
PAGES = primitives layout options
page = $(if $(filter layout,$(1)),trace-layout.md,$(1).md)

check-docs: $(PAGES:%=$(BUILD)/docs/%)
	@$(foreach p,$(PAGES),cmp -s $(BUILD)/docs/$p docs/$(call page,$p) || \
	    { echo 'docs/$(call page,$p) is not what trace/ says: make docs'; exit 1; };)

format:
	@testprogs/check/format

docs: $(PAGES:%=$(BUILD)/docs/%) all
	@$(foreach p,$(PAGES),cp $(BUILD)/docs/$p docs/$(call page,$p);)
	@BUILD='$(BUILD)' testprogs/check/readme

$(BUILD)/docs/%: testprogs/check/%.c $(TRACE_SOURCES) $(wildcard trace/*.def trace/*.h)
	@mkdir -p $(@D)
	@$(CC) $(COMMON) -MF $@.d -O1 -o $@.program $(filter %.c,$^)
	@$@.program > $@

# ---- measurements and real programs ----

bench:
	@.ci/deps build bench
	@+$(MAKE) --no-print-directory all $(BENCHES)
	@BUILD='$(BUILD)' testprogs/bench/run $(BENCH)

real:
	@.ci/deps build real
	@+$(MAKE) --no-print-directory all
	@BUILD='$(BUILD)' testprogs/real/run $(REAL)

rebuild:
	@.ci/deps build rebuild
	@+$(MAKE) --no-print-directory all
	@BUILD='$(BUILD)' testprogs/real/rebuild $(PACKAGES)

# ---- installation ----

DOCS = README.md $(sort $(wildcard docs/*.md docs/*.json))
install: all
	install -D -m 755 $(GOROCHECK) '$(DESTDIR)$(PREFIX)/bin/gorocheck'
	install -D -m 755 $(SHIM) '$(DESTDIR)$(PREFIX)/lib/libgorocheck.so'
	install -D -m 755 $(STUB) '$(DESTDIR)$(PREFIX)/lib/gorocheck/libtsan.so.2'
	install -D -m 644 $(NEAR) '$(DESTDIR)$(PREFIX)/lib/gorocheck/libgorocheck_near.a'
	install -D -m 644 shim/gorocheck.h '$(DESTDIR)$(PREFIX)/include/gorocheck.h'
	install -d '$(DESTDIR)$(PREFIX)/share/doc/gorocheck'
	install -m 644 LICENSE $(DOCS) '$(DESTDIR)$(PREFIX)/share/doc/gorocheck'

uninstall:
	rm -f '$(DESTDIR)$(PREFIX)/include/gorocheck.h'
	rm -f '$(DESTDIR)$(PREFIX)/bin/gorocheck' '$(DESTDIR)$(PREFIX)/lib/libgorocheck.so'
	rm -rf '$(DESTDIR)$(PREFIX)/lib/gorocheck' '$(DESTDIR)$(PREFIX)/share/doc/gorocheck'

clean:
	rm -rf '$(BUILD)'

-include $(shell test -d $(BUILD) && find $(BUILD) -name '*.d' -not -path '$(BUILD)/asan/*' -not -path '$(BUILD)/werror-*')
