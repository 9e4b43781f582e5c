# The whole build: two libraries, thin programs on them, tests. `make V=1` shows the commands.
VERSION  := 0.1.0
BUILD    ?= build
CC       ?= gcc
PREFIX   ?= /usr/local
# below PREFIX; Debian has lib/<triplet>
LIBDIR   ?= lib
Q        := $(if $(V),,@)
# on all processors, unless make was told how many
PARALLEL  = --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

# package publicsuffix
PUBLIC_SUFFIXES ?= /usr/share/publicsuffix/public_suffix_list.dat
COMPILER_PKGS := jansson yaml-0.1 libidn2 libpsl
RUNTIME_PKGS  := libnftnl libmnl ldns libseccomp libcap-ng libmicrohttpd
# libldns wants libcrypto and libssl for DNSSEC's keys and DANE, of which nothing is called here: where there is a static one, they
# are left out, and with them half of what the dynamic linker does and 700 kB of each sandbox
LDNS_ARCHIVE  := $(filter /%,$(shell $(CC) -print-file-name=libldns.a))
LDNS          := $(if $(LDNS_ARCHIVE),$(BUILD)/ldns.a)
PKGS          := $(COMPILER_PKGS) $(RUNTIME_PKGS)
# one by one: msb-policyc is built where the runtime's are not
PKG_CFLAGS    := $(foreach pkg,$(PKGS),$(shell pkg-config --cflags $(pkg) 2>/dev/null))

WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-missing-field-initializers
HARDEN   ?= -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
HARDEN_LD ?= -pie -Wl,-z,relro,-z,now
CFLAGS   ?= -g
override CPPFLAGS += -D_GNU_SOURCE -DMSB_VERSION='"$(VERSION)"' -I. -Iinclude -Icompiler -Iruntime -I$(BUILD)/grammar $(PKG_CFLAGS)
override CFLAGS   += -std=gnu17 $(WARN) $(HARDEN) $(SAN)
override LDFLAGS  += $(HARDEN_LD) $(SAN)
COMPILER_LIBS := $(shell pkg-config --libs $(COMPILER_PKGS) 2>/dev/null) -lunistring
RUNTIME_LIBS  := $(LDNS) $(shell pkg-config --libs $(if $(LDNS),$(filter-out ldns,$(RUNTIME_PKGS)),$(RUNTIME_PKGS)) 2>/dev/null)

# compiler/cmd/ is msb-policyc, the rest of compiler/ the library it links; likewise runtime/run/main.c is msb-run, runtime/ctl/main.c msb-ctl, runtime/cni/main.c msb-cni.
# runtime/guest/ runs inside the guest and is built by its own build.sh
GRAMMAR_SRC  := $(BUILD)/grammar/msb.tab.c $(BUILD)/grammar/msb.lex.c
# the library of policies, for `init` and `include <name>`: part of the programs, so that what it means is the version's
LIBRARY_SRC  := $(BUILD)/library/library_texts.c $(BUILD)/library/page_texts.c
COMPILER_SRC := $(filter-out compiler/cmd/%,$(wildcard compiler/*/*.c))
POLICYC_SRC  := $(wildcard compiler/cmd/*.c)
RUNTIME_SRC  := $(filter-out runtime/run/main.c runtime/ctl/main.c runtime/cni/main.c runtime/guest/%,$(wildcard runtime/*/*.c))
UNIT_SRC     := $(wildcard tests/unit/*.c)
# what unit tests and tools share: random policies, packets, an interpreter of rulesets
TESTLIB_SRC  := $(wildcard tests/lib/*.c)
E2E_TOOLS    := $(patsubst tests/e2e/tools/%.c,$(BUILD)/e2e/%,$(wildcard tests/e2e/tools/*.c))
BENCH_TOOLS  := $(BUILD)/bench/rates
# these use the standard library alone and are static, so that they run in the guest too
STATIC_TOOLS := $(addprefix $(BUILD)/e2e/,echo probe vnet_header)
FUZZERS      := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*.c))

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(patsubst $(BUILD)/%,%,$(1)))
LIBPOLICY  := $(BUILD)/libmsbpolicy.a
LIBRUNTIME := $(BUILD)/libmsbruntime.a
LIBTEST    := $(BUILD)/libmsbtest.a
# for other programs: include/msbpolicy.h
SONAME     := libmsbpolicy.so.0
SHARED     := $(BUILD)/lib/libmsbpolicy.so.$(VERSION)
STATIC     := $(BUILD)/lib/libmsbpolicy.a
PC         := $(BUILD)/lib/msbpolicy.pc
API_MAP    := compiler/api/msbpolicy.map
PROGRAMS   := $(BUILD)/msb-policyc $(BUILD)/msb-run $(BUILD)/msb-ctl
CNI        := $(BUILD)/msb-cni
# for msb-guest, which makes the guest where there is no compiler
GUEST_AGENT := $(BUILD)/guest-agent

.PHONY: all policyc deps deps-bench deps-policyc ci-deps check check-cni demo bench bench-boot prove san fuzz tidy format library install uninstall deb check-packages vsix guest kernels tools golden-update docs clean
.DELETE_ON_ERROR:
.SECONDARY: # objects of tests and fuzzers are kept
# for each shell where it looks for them, made from the programs' own tables of options
BASH_COMPLETIONS := $(PROGRAMS:$(BUILD)/%=$(BUILD)/completions/bash/%)
ZSH_COMPLETIONS  := $(PROGRAMS:$(BUILD)/%=$(BUILD)/completions/zsh/_%)
FISH_COMPLETIONS := $(PROGRAMS:$(BUILD)/%=$(BUILD)/completions/fish/%.fish)
all: $(PROGRAMS) $(CNI) $(GUEST_AGENT) $(BASH_COMPLETIONS) $(ZSH_COMPLETIONS) $(FISH_COMPLETIONS) library
library: $(SHARED) $(STATIC) $(PC)
# msb-policyc alone, which needs neither QEMU nor the runtime's libraries
policyc: $(BUILD)/msb-policyc
tools: $(E2E_TOOLS) $(BENCH_TOOLS) $(BUILD)/e2e/msb-run-misbehave $(BUILD)/e2e/msb-run-revoke

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
$(BUILD)/generated/rentable.inc: compiler/base/rentable.sh compiler/base/rentable.txt
	@mkdir -p $(@D)
	$(Q)$< $(PUBLIC_SUFFIXES) >$@
$(call obj,compiler/base/name_rentable.c): $(BUILD)/generated/rentable.inc
$(call obj,compiler/base/name_rentable.c): override CPPFLAGS += -I$(BUILD)/generated
# the compiler is in a shared library too, which shows include/msbpolicy.h's functions alone
$(call obj,$(COMPILER_SRC) $(GRAMMAR_SRC) $(LIBRARY_SRC)): override CFLAGS += -fPIC -fvisibility=hidden
$(call obj,$(COMPILER_SRC) $(GRAMMAR_SRC)): | $(BUILD)/grammar/msb.tab.h $(BUILD)/grammar/msb.lex.h

$(BUILD)/library/library_texts.c: policies/embed.sh $(wildcard policies/*.msb)
	@mkdir -p $(@D)
	$(Q)policies/embed.sh >$@
$(BUILD)/library/page_texts.c: compiler/page/embed.sh compiler/page/page.css compiler/page/page.js
	@mkdir -p $(@D)
	$(Q)compiler/page/embed.sh >$@

$(BUILD)/obj/grammar/%.o: $(BUILD)/grammar/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -Wno-unused-function -MMD -MP -c -o $@ $<
$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/library/%.o: $(BUILD)/library/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(LIBPOLICY): $(call obj,$(COMPILER_SRC) $(GRAMMAR_SRC) $(LIBRARY_SRC))
	$(Q)rm -f $@ && ar rcsD $@ $^
$(SHARED): $(call obj,$(wildcard compiler/api/*.c)) $(LIBPOLICY) $(API_MAP)
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -pie,$(LDFLAGS)) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=$(API_MAP) $(if $(SAN),,-Wl,-z,defs) \
		-o $@ $(filter-out $(API_MAP),$^) $(COMPILER_LIBS)
	$(Q)ln -sf $(@F) $(@D)/$(SONAME) && ln -sf $(SONAME) $(@D)/libmsbpolicy.so
# one object, so that no name of the library's own meets one of the program's
$(STATIC): $(call obj,$(wildcard compiler/api/*.c)) $(LIBPOLICY)
	@mkdir -p $(@D)
	$(Q)$(CC) -nostdlib -r -o $(@D)/msbpolicy.o $^ && objcopy --localize-hidden $(@D)/msbpolicy.o
	$(Q)rm -f $@ && ar rcsD $@ $(@D)/msbpolicy.o
# the prefix is said when it is installed
$(PC): compiler/api/msbpolicy.pc.in Makefile
	@mkdir -p $(@D)
	$(Q)sed 's|@VERSION@|$(VERSION)|; s|@PACKAGES@|$(COMPILER_PKGS)|' $< >$@
$(BUILD)/ldns.a: $(LDNS_ARCHIVE)
	@mkdir -p $(@D)
	$(Q)for library in crypto ssl; do nm -D --defined-only "$$($(CC) -print-file-name=lib$$library.so)"; done | \
		awk '{ sub(/@.*/, "", $$3); print $$3 }' >$@.symbols && objcopy --weaken-symbols=$@.symbols $< $@
$(LIBRUNTIME): $(call obj,$(RUNTIME_SRC)) | $(LDNS)
	$(Q)rm -f $@ && ar rcsD $@ $^
$(LIBTEST): $(call obj,$(TESTLIB_SRC))
	$(Q)rm -f $@ && ar rcsD $@ $^
$(BUILD)/msb-policyc: $(call obj,$(POLICYC_SRC)) $(LIBPOLICY)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(COMPILER_LIBS)
$(BUILD)/msb-run: $(call obj,runtime/run/main.c) $(LIBRUNTIME) $(LIBPOLICY)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(RUNTIME_LIBS) $(COMPILER_LIBS)
$(BUILD)/msb-ctl: $(call obj,runtime/ctl/main.c) $(LIBRUNTIME) $(LIBPOLICY)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(RUNTIME_LIBS) $(COMPILER_LIBS)
$(BUILD)/msb-cni: $(call obj,runtime/cni/main.c) $(LIBRUNTIME) $(LIBPOLICY)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(RUNTIME_LIBS) $(COMPILER_LIBS)
$(BUILD)/unit: $(call obj,$(UNIT_SRC)) $(LIBTEST) $(LIBRUNTIME) $(LIBPOLICY)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(RUNTIME_LIBS) $(COMPILER_LIBS) -lcriterion
$(BUILD)/e2e/%: $(BUILD)/obj/tests/e2e/tools/%.o $(LIBTEST) $(LIBRUNTIME) $(LIBPOLICY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(RUNTIME_LIBS) $(COMPILER_LIBS)
$(BUILD)/bench/rates: $(call obj,tests/bench/tools/rates.c tests/bench/tools/bench_net.c) $(LIBRUNTIME) $(LIBPOLICY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(RUNTIME_LIBS) $(COMPILER_LIBS)
# workers that misbehave on demand, inside their jail
$(BUILD)/e2e/msb-run-misbehave: $(call obj,runtime/run/main.c tests/e2e/tools/misbehave/misbehave.c) $(LIBRUNTIME) $(LIBPOLICY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -Wl,--wrap=proxy_query,--wrap=flows_readable,--wrap=names_tell -o $@ $^ $(RUNTIME_LIBS) $(COMPILER_LIBS)
# flows that end on demand
$(BUILD)/e2e/msb-run-revoke: $(call obj,runtime/run/main.c tests/e2e/tools/revoke/revoke.c) $(LIBRUNTIME) $(LIBPOLICY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -Wl,--wrap=flows_wait,--wrap=flows_settle,--wrap=dns_settle -o $@ $^ $(RUNTIME_LIBS) $(COMPILER_LIBS)
$(STATIC_TOOLS): $(BUILD)/e2e/%: tests/e2e/tools/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE $(WARN) -O2 -g -static -o $@ $<

complete = @mkdir -p $(@D) && completions/make.sh $(1) $< >$@
$(BASH_COMPLETIONS): $(BUILD)/completions/bash/%: $(BUILD)/% $(wildcard completions/*)
	$(call complete,bash)
$(ZSH_COMPLETIONS): $(BUILD)/completions/zsh/_%: $(BUILD)/% $(wildcard completions/*)
	$(call complete,zsh)
$(FISH_COMPLETIONS): $(BUILD)/completions/fish/%.fish: $(BUILD)/% $(wildcard completions/*)
	$(call complete,fish)

$(GUEST_AGENT): $(wildcard runtime/guest/*.[ch])
	@mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu17 $(WARN) -Os -s -static -o $@ $(filter %.c,$^)

# What tests build with: tests/e2e/wrong.sh
.PHONY: compile-command link-command link-libraries
compile-command:
	@echo '$(CC) $(CPPFLAGS) $(CFLAGS)'
link-command:
	@echo '$(CC) $(LDFLAGS)'
link-libraries:
	@echo '$(RUNTIME_LIBS) $(COMPILER_LIBS)'

deps:
	$(Q)./deps.sh
deps-policyc:
	$(Q)./deps.sh policyc
# container runtimes and a client of theirs, for check-cni
ci-deps:
	$(Q)./deps.sh ci
	$(Q)tests/cni/modules/fetch.sh $(BUILD)
# kernels that tests boot as the host
kernels: deps
	$(Q)tests/kernels/fetch.sh $(BUILD)/kernels
guest: deps
	$(Q)runtime/guest/build.sh $(BUILD)/guest
demo: deps
	$(Q)$(MAKE) $(PARALLEL) all guest $(STATIC_TOOLS)
	$(Q)tests/demo.sh $(BUILD)
# JOBS tests at a time; most of them wait more than they work
JOBS ?= 4
check: deps
	$(Q)$(MAKE) $(PARALLEL) all guest tools $(BUILD)/unit
	-$(Q)tests/kernels/fetch.sh $(BUILD)/kernels # without them two tests say that they skip
	$(Q)tests/run -j $(JOBS) $(BUILD)
# msb-cni with podman, containerd and a microVM behind a tap
check-cni: deps
	$(Q)./deps.sh ci
	-$(Q)tests/cni/modules/fetch.sh $(BUILD) # without npm's registry one test says that it skips
	$(Q)$(MAKE) $(PARALLEL) all guest tools
	$(Q)tests/run -j $(JOBS) --cni $(BUILD)
golden-update: all
	$(Q)tests/golden/run.sh --update $(BUILD)

# What of docs/ is made: the findings of the manual, the screenshots of a policy's page
docs: deps all
	$(Q)docs/findings.sh $(BUILD)
	$(Q)docs/screenshots.sh $(BUILD)

# The same tests under the sanitizers: goldens, vectors and unit tests, a third of the random tries, which take ten times as long
SAN_FLAGS := -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all
san: deps
	$(Q)$(MAKE) $(PARALLEL) BUILD=build/san SAN="$(SAN_FLAGS)" HARDEN=-O1 HARDEN_LD= all build/san/unit
	$(Q)MSB_TEST_EFFORT=$$(($(or $(MSB_TEST_EFFORT),100) / 3 + 1)) tests/run -j $(JOBS) --pure build/san
# libFuzzer; FUZZ_SECONDS for each fuzzer, a minute at the usual effort (see tests/run --help)
FUZZ_SECONDS ?= $(shell expr 60 '*' $(or $(MSB_TEST_EFFORT),100) / 100)
fuzz:
	$(Q)./deps.sh fuzz
	$(Q)$(MAKE) $(PARALLEL) BUILD=build/fuzzing CC=clang SAN="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all" \
		HARDEN=-O1 HARDEN_LD= fuzzers
	$(Q)tests/fuzz/run.sh build/fuzzing $(FUZZ_SECONDS)
.PHONY: fuzzers
fuzzers: $(FUZZERS)
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(LIBRUNTIME) $(LIBPOLICY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(RUNTIME_LIBS) $(COMPILER_LIBS)
# The kernel against the evaluator for PROVE_SECONDS, policies that nobody has tried before
PROVE_SECONDS ?= 600
prove: deps
	$(Q)$(MAKE) $(PARALLEL) all tools
	$(Q)KERNEL_SECONDS=$(PROVE_SECONDS) KERNEL_SEED=$${MSB_SEED:-$$(date +%s)} tests/e2e/kernel.sh $(BUILD)
# What it costs, as a table in Markdown, build/bench.json and build/bench.svg; ONLY="rates dns" for single ones, JSON=1 for objects
bench: deps deps-bench
	$(Q)$(MAKE) $(PARALLEL) all guest tools
	$(Q)tests/bench/run.py $(BUILD) $(addprefix --only=,$(ONLY)) $(if $(JSON),--json)
deps-bench:
	$(Q)./deps.sh bench
# The QEMU guest's way from exec to its command, in parts; BEFORE: the directory of a build to compare with
bench-boot: deps
	$(Q)$(MAKE) $(PARALLEL) all guest
	$(Q)tests/bench/tools/boot.sh $(BUILD) $(BEFORE)
tidy: $(BUILD)/generated/rentable.inc $(BUILD)/grammar/msb.tab.h $(BUILD)/grammar/msb.lex.h
	$(Q)clang-tidy --quiet $(COMPILER_SRC) $(POLICYC_SRC) $(RUNTIME_SRC) runtime/run/main.c runtime/ctl/main.c runtime/cni/main.c -- $(CPPFLAGS) -I$(BUILD)/generated -std=gnu17
format:
	$(Q)clang-format -i $(shell git ls-files '*.[ch]')
# The extension for VS Code, build/msb-policy.vsix: from npm's registry, by its lock file
vsix: $(BUILD)/msb-policyc
	$(Q)./deps.sh vsix
	$(Q)editors/vscode/package.sh $(BUILD)
	$(Q)tests/cli/vscode.sh $(BUILD)
# Debian packages of what is committed, in build/deb
deb:
	$(Q)./deps.sh deb
	$(Q)debian/package.sh $(BUILD)/deb
# Builds them twice, and installs them in a Debian 12 of its own; builds the images of the Containerfile, and runs them
check-packages: deps
	$(Q)./deps.sh deb
	$(Q)./deps.sh ci
	$(Q)$(MAKE) $(PARALLEL) $(STATIC_TOOLS)
	$(Q)tests/kernels/fetch.sh $(BUILD)/kernels
	$(Q)tests/run --packages $(BUILD)
# Where, mode, files: below DESTDIR and PREFIX
define INSTALLED
bin 755 $(PROGRAMS)
lib/cni 755 $(CNI)
share/bash-completion/completions 644 $(BASH_COMPLETIONS)
share/zsh/site-functions 644 $(ZSH_COMPLETIONS)
share/fish/vendor_completions.d 644 $(FISH_COMPLETIONS)
sbin 755 runtime/guest/msb-guest
lib/msb-policy/guest 755 runtime/guest/build.sh $(GUEST_AGENT)
lib/systemd/system 644 $(wildcard systemd/*)
share/man/man1 644 $(wildcard docs/*.1)
share/man/man3 644 $(wildcard docs/*.3)
share/man/man5 644 $(wildcard docs/*.5)
include 644 include/msbpolicy.h
$(LIBDIR) 644 $(SHARED) $(STATIC)
share/man/man8 644 $(wildcard docs/*.8)
share/doc/msb-policy 644 docs/sandbox.conf docs/language.md docs/import.md docs/review.md docs/editors.md docs/library.md docs/control.md docs/events.md docs/learn.md docs/tour.md docs/policy-review.yml docs/metrics.md docs/cni.md docs/kubernetes.yml docs/nomad.hcl docs/scale.md docs/grafana.json $(wildcard docs/*.schema.json) LICENSE
share/vim/vimfiles/syntax 644 editors/vim/syntax/msb.vim
share/vim/vimfiles/ftdetect 644 editors/vim/ftdetect/msb.vim
share/vim/vimfiles/ftplugin 644 editors/vim/ftplugin/msb.vim
share/vim/vimfiles/lua 644 editors/vim/lua/msb.lua
share/nvim/site/syntax 644 editors/vim/syntax/msb.vim
share/nvim/site/ftdetect 644 editors/vim/ftdetect/msb.vim
share/nvim/site/ftplugin 644 editors/vim/ftplugin/msb.vim
share/nvim/site/lua 644 editors/vim/lua/msb.lua
share/msb-policy/editors 644 editors/msb.tmLanguage.json
share/msb-policy/policies 644 $(wildcard policies/*.msb)
share/msb-policy/policies/floors 644 $(wildcard policies/floors/*.msb)
share/msb-policy/guest 644 $(wildcard $(BUILD)/guest/*)
endef
install uninstall: export LIST = $(INSTALLED)
install: all
	$(Q)echo "$$LIST" | while read -r where mode files; do \
		[ -z "$$files" ] || install -D -m "$$mode" -t "$(DESTDIR)$(PREFIX)/$$where" $$files || exit; done
	$(Q)ln -sf $(notdir $(SHARED)) "$(DESTDIR)$(PREFIX)/$(LIBDIR)/$(SONAME)"
	$(Q)ln -sf $(SONAME) "$(DESTDIR)$(PREFIX)/$(LIBDIR)/libmsbpolicy.so"
	$(Q)install -d "$(DESTDIR)$(PREFIX)/$(LIBDIR)/pkgconfig"
	$(Q)sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|' $(PC) >"$(DESTDIR)$(PREFIX)/$(LIBDIR)/pkgconfig/msbpolicy.pc"
# Those files and the directories that are this project's alone
uninstall:
	$(Q)echo "$$LIST" | while read -r where mode files; do \
		for file in $$files; do rm -f "$(DESTDIR)$(PREFIX)/$$where/$${file##*/}"; done; done
	$(Q)cd "$(DESTDIR)$(PREFIX)/$(LIBDIR)" 2>/dev/null && rm -f $(SONAME) libmsbpolicy.so pkgconfig/msbpolicy.pc || :
	$(Q)for dir in share/msb-policy/editors share/msb-policy/policies/floors share/msb-policy/policies share/msb-policy/guest share/msb-policy share/doc/msb-policy lib/msb-policy/guest lib/msb-policy; do \
		[ ! -d "$(DESTDIR)$(PREFIX)/$$dir" ] || rmdir --ignore-fail-on-non-empty "$(DESTDIR)$(PREFIX)/$$dir"; done
clean:
	rm -rf build

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
