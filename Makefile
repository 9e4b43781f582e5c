# The whole build: two libraries, thin programs on them, tests. `make V=1` shows the commands.
VERSION  := 0.1.0
BUILD    ?= build
CC       ?= gcc
PREFIX   ?= /usr/local
Q        := $(if $(V),,@)

COMPILER_PKGS := jansson yaml-0.1 libidn2 libpsl
RUNTIME_PKGS  := libnftnl libmnl ldns libseccomp libcap-ng
PKGS          := $(COMPILER_PKGS) $(RUNTIME_PKGS)

WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-missing-field-initializers
HARDEN   ?= -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
HARDEN_LD ?= -pie -Wl,-z,relro,-z,now
CFLAGS   ?= -g
override CPPFLAGS += -D_GNU_SOURCE -DMSB_VERSION='"$(VERSION)"' -I. -Icompiler -Iruntime -I$(BUILD)/grammar $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
override CFLAGS   += -std=gnu17 $(WARN) $(HARDEN) $(SAN)
override LDFLAGS  += $(HARDEN_LD) $(SAN)
COMPILER_LIBS := $(shell pkg-config --libs $(COMPILER_PKGS) 2>/dev/null)
RUNTIME_LIBS  := $(shell pkg-config --libs $(RUNTIME_PKGS) 2>/dev/null)

# compiler/cmd/ is msb-policyc, the rest of compiler/ the library it links; likewise runtime/run/main.c is msb-run.
# runtime/guest/ runs inside the guest and is built by its own build.sh
GRAMMAR_SRC  := $(BUILD)/grammar/msb.tab.c $(BUILD)/grammar/msb.lex.c
COMPILER_SRC := $(filter-out compiler/cmd/%,$(wildcard compiler/*/*.c))
POLICYC_SRC  := $(wildcard compiler/cmd/*.c)
RUNTIME_SRC  := $(filter-out runtime/run/main.c runtime/guest/%,$(wildcard runtime/*/*.c))
UNIT_SRC     := $(wildcard tests/unit/*.c)
E2E_TOOLS    := $(patsubst tests/e2e/tools/%.c,$(BUILD)/e2e/%,$(wildcard tests/e2e/tools/*.c))
# these use the standard library alone and are static, so that they run in the guest too
STATIC_TOOLS := $(addprefix $(BUILD)/e2e/,echo probe vnet_header)
FUZZERS      := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*.c))

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(patsubst $(BUILD)/%,%,$(1)))
LIBPOLICY  := $(BUILD)/libmsbpolicy.a
LIBRUNTIME := $(BUILD)/libmsbruntime.a
PROGRAMS   := $(BUILD)/msb-policyc $(BUILD)/msb-run

.PHONY: all deps check demo bench san fuzz tidy format install guest tools golden-update clean
.DELETE_ON_ERROR:
.SECONDARY: # objects of tests and fuzzers are kept
all: $(PROGRAMS)
tools: $(E2E_TOOLS) $(BUILD)/e2e/msb-run-misbehave

$(BUILD)/grammar/msb.tab.c $(BUILD)/grammar/msb.tab.h &: grammar/msb.y
	@mkdir -p $(@D)
	$(Q)bison -Wall -Werror -o $(BUILD)/grammar/msb.tab.c --header=$(BUILD)/grammar/msb.tab.h $<
# A floor of the library as a C string
$(BUILD)/grammar/multi_tenant.inc: policies/floors/multi-tenant.msb
	@mkdir -p $(@D)
	$(Q)sed 's/[\\"]/\\&/g; s/.*/"&\\n"/' $< >$@
$(BUILD)/obj/compiler/policy/options_resolve.o: $(BUILD)/grammar/multi_tenant.inc
$(BUILD)/grammar/msb.lex.c $(BUILD)/grammar/msb.lex.h &: grammar/msb.l
	@mkdir -p $(@D)
	$(Q)flex -o $(BUILD)/grammar/msb.lex.c --header-file=$(BUILD)/grammar/msb.lex.h $<
$(call obj,$(COMPILER_SRC) $(GRAMMAR_SRC)): | $(BUILD)/grammar/msb.tab.h $(BUILD)/grammar/msb.lex.h

$(BUILD)/obj/grammar/%.o: $(BUILD)/grammar/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -Wno-unused-function -MMD -MP -c -o $@ $<
$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LIBPOLICY): $(call obj,$(COMPILER_SRC) $(GRAMMAR_SRC))
	$(Q)rm -f $@ && ar rcs $@ $^
$(LIBRUNTIME): $(call obj,$(RUNTIME_SRC))
	$(Q)rm -f $@ && ar rcs $@ $^
$(BUILD)/msb-policyc: $(call obj,$(POLICYC_SRC)) $(LIBPOLICY)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(COMPILER_LIBS)
$(BUILD)/msb-run: $(call obj,runtime/run/main.c) $(LIBRUNTIME) $(LIBPOLICY)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(RUNTIME_LIBS) $(COMPILER_LIBS)
$(BUILD)/unit: $(call obj,$(UNIT_SRC)) $(LIBRUNTIME) $(LIBPOLICY)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(RUNTIME_LIBS) $(COMPILER_LIBS) -lcriterion
$(BUILD)/e2e/%: $(BUILD)/obj/tests/e2e/tools/%.o $(LIBRUNTIME) $(LIBPOLICY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(RUNTIME_LIBS) $(COMPILER_LIBS)
# workers that misbehave on demand, inside their jail
$(BUILD)/e2e/msb-run-misbehave: $(call obj,runtime/run/main.c tests/e2e/tools/misbehave/misbehave.c) $(LIBRUNTIME) $(LIBPOLICY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -Wl,--wrap=proxy_query,--wrap=flows_readable -o $@ $^ $(RUNTIME_LIBS) $(COMPILER_LIBS)
$(STATIC_TOOLS): $(BUILD)/e2e/%: tests/e2e/tools/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE $(WARN) -O2 -g -static -o $@ $<

deps:
	$(Q)./deps.sh
guest: deps
	$(Q)runtime/guest/build.sh $(BUILD)/guest
demo: deps
	$(Q)$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) all guest $(STATIC_TOOLS)
	$(Q)tests/demo.sh $(BUILD)
# JOBS tests at a time; most of them wait more than they work
JOBS ?= 4
check: deps
	$(Q)$(MAKE) --no-print-directory all guest tools $(BUILD)/unit
	$(Q)tests/run -j $(JOBS) $(BUILD)
golden-update: all
	$(Q)tests/golden/run.sh --update $(BUILD)

# The same tests under the sanitizers: goldens, vectors and unit tests
SAN_FLAGS := -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all
san: deps
	$(Q)$(MAKE) --no-print-directory BUILD=build/san SAN="$(SAN_FLAGS)" HARDEN=-O1 HARDEN_LD= all build/san/unit
	$(Q)tests/run -j $(JOBS) --pure build/san
# libFuzzer; FUZZ_SECONDS for each fuzzer, a minute at the usual effort (see tests/run --help)
FUZZ_SECONDS ?= $(shell expr 60 '*' $(or $(MSB_TEST_EFFORT),100) / 100)
fuzz:
	$(Q)./deps.sh fuzz
	$(Q)$(MAKE) --no-print-directory BUILD=build/fuzzing CC=clang SAN="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all" \
		HARDEN=-O1 HARDEN_LD= fuzzers
	$(Q)tests/fuzz/run.sh build/fuzzing $(FUZZ_SECONDS)
.PHONY: fuzzers
fuzzers: $(FUZZERS)
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(LIBRUNTIME) $(LIBPOLICY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(RUNTIME_LIBS) $(COMPILER_LIBS)
bench: deps
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)tests/bench/run.sh $(BUILD)
tidy: $(BUILD)/grammar/msb.tab.h $(BUILD)/grammar/msb.lex.h
	$(Q)clang-tidy --quiet $(COMPILER_SRC) $(POLICYC_SRC) $(RUNTIME_SRC) runtime/run/main.c -- $(CPPFLAGS) -std=gnu17
format:
	$(Q)clang-format -i $(shell git ls-files '*.[ch]')
install: all
	install -D -t $(DESTDIR)$(PREFIX)/bin $(PROGRAMS)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 $(wildcard docs/*.1)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/msb-policy/policies $(wildcard policies/*.msb)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/msb-policy/policies/floors $(wildcard policies/floors/*.msb)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/msb-policy/guest $(wildcard $(BUILD)/guest/*)
clean:
	rm -rf build

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
