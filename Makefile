# make            builds the library, the command and the Lua module in build/
# make help       lists the other targets
# Variables to set, here or in the environment: CC CFLAGS LDFLAGS LUA PKG_CONFIG, WERROR=1, V=1 (show commands), and those
# of installing: PREFIX BINDIR LIBDIR INCLUDEDIR DATADIR MANDIR DOCDIR LUADIR LUACDIR DESTDIR.

CFLAGS ?= -O2 -g
LUA ?= lua5.4
PKG_CONFIG ?= pkg-config
B ?= build
export LUA PKG_CONFIG

LUA_ABI := 5.4
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
DOCDIR ?= $(DATADIR)/doc/shunt
LUADIR ?= $(DATADIR)/lua/$(LUA_ABI)
LUACDIR ?= $(LIBDIR)/lua/$(LUA_ABI)

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion
PACKAGES := $(shell sh tests/packages.sh --modules)
COMMAND_PACKAGES := libedit
VERSION := $(shell sed -n 's/^.define SHUNT_VERSION "\(.*\)"/\1/p' src/shunt.h)
# Hosts link to the soname. Its number changes when the ABI changes in a way that breaks them (CONTRIBUTING.md).
SOVERSION := 0
SONAME := libshunt.so.$(SOVERSION)
LIBRARY := $(SONAME).$(shell echo $(VERSION) | cut -d . -f 2-)
, := ,

# $(call libs,PACKAGE…): the linker's flags; empty if a package is missing, which the rule of $(B)/flags reports.
libs = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null) -lm

# libshunt has everything except the command and the Lua module. Objects are position-independent: one set of them
# serves the static library, the shared one and the Lua module.
MAIN_SRC := $(wildcard src/cli/*.c)
BIND_SRC := $(wildcard src/bind/*.c)
LIB_SRC := $(filter-out $(MAIN_SRC) $(BIND_SRC),$(wildcard src/*.c src/*/*.c src/*/*/*.c))
TEST_SRC := $(wildcard tests/unit/*_test.c tests/unit/*/*_test.c tests/unit/*/*/*_test.c)
TEST_HELP_SRC := $(filter-out $(TEST_SRC),$(wildcard tests/unit/*.c tests/unit/*/*.c))
BENCH_SRC := $(filter-out tests/bench/http_by_hand.c,$(wildcard tests/bench/*.c))
FUZZ_SRC := $(filter-out tests/fuzz/main.c,$(wildcard tests/fuzz/*.c))
STANDARD := $(sort $(wildcard rules/standard/*.lua))
C_FILES := $(wildcard src/*.[ch] src/*/*.[ch] src/*/*/*.[ch] tests/*.[ch] tests/*/*.[ch] tests/*/*/*.[ch] tests/*/*/*/*.[ch] src/*.hpp tests/hosts/*.cc tests/hosts/*/*.cc)

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
LIB_OBJ := $(call obj,$(LIB_SRC)) $(B)/obj/standard_rules.o
TESTS := $(patsubst tests/unit/%.c,$(B)/tests/%,$(TEST_SRC))
FUZZERS := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(FUZZ_SRC))
BENCHES := $(patsubst tests/bench/%.c,$(B)/bench/%,$(BENCH_SRC)) $(B)/bench/http_by_hand
RELAYS := $(B)/tests/relay $(B)/tests/cutter
HOSTS := $(B)/hosts/http $(B)/tests/calls
SUPPORT := $(B)/lua/tests/support/watchdog.so $(B)/lua/tests/support/failing.so
INTERRUPT := $(B)/tests/interrupt.so
LEAP := $(B)/tests/leap.so

CPPFLAGS_ALL := -Isrc $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null) $(CPPFLAGS)
CFLAGS_ALL := -std=c11 $(WARNINGS) $(if $(WERROR),-Werror) -fPIC -fvisibility=hidden -pthread $(CFLAGS) $(SANITIZE)
LDFLAGS_ALL := -pthread $(LDFLAGS) $(SANITIZE)

ifeq ($(V),)
say = @printf '  %-5s %s\n' $(1) $(2);
endif

.PHONY: all demo test lint abi fmt asan tsan fuzz fuzzers nightly coverage bench install install-module module uninstall deb rock clean help deps check unit run-fuzzers FORCE
.DELETE_ON_ERROR:
.SECONDARY: $(call obj,$(TEST_SRC) $(TEST_HELP_SRC) $(BENCH_SRC) $(wildcard tests/fuzz/*.c) tests/tsan.c)

all: $(B)/shunt $(B)/libshunt.a $(B)/libshunt.so $(B)/lua/shunt/core.so ## Build everything (the default)

# ---- what is built ----

# A stamp file holds the value of a variable, and is rewritten only when that value changes.
stamp = @mkdir -p $(@D); printf '%s\n' '$(strip $(1))' | cmp -s - $@ || printf '%s\n' '$(strip $(1))' >$@

$(B)/flags: FORCE
	@sh tests/packages.sh --check build
	$(call stamp,$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) $(LUA_ARCHIVE))
$(B)/files: FORCE
	$(call stamp,$(LIB_SRC) $(BIND_SRC) $(STANDARD))
$(B)/luadir: FORCE
	$(call stamp,$(LUADIR))

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
$(B)/obj/standard_rules.o: $(B)/standard_rules.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
$(B)/obj/src/cli/main.o: private CPPFLAGS_ALL += -DSHUNT_LUADIR='"$(LUADIR)"'
$(B)/obj/src/cli/main.o: $(B)/luadir
# cmocka 2 deprecates macros whose successors cmocka 1 doesn't have.
$(B)/obj/tests/%.o: private CPPFLAGS_ALL += -Itests -Itests/unit -I$(B) -DCMOCKA_DISABLE_DEPRECATION_WARNINGS

# The library contains the standard policy: each file of rules/standard/ as an array of bytes.
$(B)/standard_rules.c: $(STANDARD) $(B)/files
	$(call say,GEN,$@){ \
	  echo '/* Made from rules/standard by the Makefile. */'; \
	  echo '#include "rule/standard.h"'; \
	  for file in $(STANDARD); do \
	    echo "static const unsigned char $$(basename $$file .lua | tr -c 'a-zA-Z0-9\n' _)_text[] = {"; \
	    od -An -v -tx1 $$file | sed 's/ *\([0-9a-f][0-9a-f]\) */0x\1,/g'; \
	    echo '0};'; \
	  done; \
	  echo 'const struct rule_standard_file rule_standard_files[] = {'; \
	  for file in $(STANDARD); do \
	    name=$$(basename $$file .lua | tr -c 'a-zA-Z0-9\n' _)_text; \
	    echo "  {\"$$file\", (const char *)$$name, sizeof $$name - 1},"; \
	  done; \
	  echo '  {0, 0, 0}};'; \
	  echo 'const size_t rule_standard_count = $(words $(STANDARD));'; \
	} >$@

$(B)/libshunt.a: $(LIB_OBJ) $(B)/files
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $(LIB_OBJ)
# The library is never unloaded: a thread that waits for a server to accept a cancellation may run longer than its user.
STAYS := -Wl,-z,nodelete

# The shared library has a Lua of its own, whose names it hides. From liblua5.4.so it would get the Lua of the process
# instead, if there is one: LuaJIT's, OpenResty's, liblua5.1's, which the loader finds first. A version script and
# -Bsymbolic bind only what a library defines itself, dlmopen brings a second libc, and sanitizers refuse RTLD_DEEPBIND.
# Debian's archive is position-independent, except for the addresses of three variables of libc (src/rule/lua_link.c).
# LUA_ARCHIVE= links liblua5.4.so; then shunt_open refuses to work beside another Lua.
LUA_ARCHIVE ?= $(filter /%,$(shell $(CC) -print-file-name=liblua$(LUA_ABI).a))
LUA_OWN := $(if $(LUA_ARCHIVE),$(B)/lua.a)

$(B)/lua.a: $(LUA_ARCHIVE) $(B)/flags
	$(call say,COPY,$@)objcopy $(foreach name,stdin stdout stderr,--redefine-sym $(name)=rule_lua_$(name)) $(LUA_ARCHIVE) $@
$(B)/$(LIBRARY): $(LIB_OBJ) $(LUA_OWN) $(B)/files src/pack/libshunt.map
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -shared $(STAYS) -Wl,-soname,$(SONAME) -Wl,--version-script=src/pack/libshunt.map \
	  $(if $(SANITIZE),,-Wl,-z,defs) -o $@ $(LIB_OBJ) $(if $(LUA_OWN),-Wl$(,)--exclude-libs$(,)lua.a $(LUA_OWN)) \
	  $(call libs,$(if $(LUA_OWN),$(filter-out lua%,$(PACKAGES)),$(PACKAGES)))
$(B)/$(SONAME): $(B)/$(LIBRARY)
	@ln -sf $(LIBRARY) $@
$(B)/libshunt.so: $(B)/$(SONAME)
	@ln -sf $(SONAME) $@

# The command uses the shared Lua library: busted's C modules look for Lua's functions in the process.
$(B)/shunt: $(call obj,$(MAIN_SRC) $(BIND_SRC)) $(B)/libshunt.a
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call libs,$(PACKAGES) $(COMMAND_PACKAGES))

# The Lua module takes Lua's functions from the program that loads it, and exports one function.
$(B)/core.map:
	@mkdir -p $(@D)
	@echo '{ global: luaopen_shunt_core; local: *; };' >$@
$(B)/lua/shunt/core.so: $(call obj,$(BIND_SRC)) $(B)/libshunt.a $(B)/core.map
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -shared $(STAYS) -Wl,--version-script=$(B)/core.map -o $@ $(call obj,$(BIND_SRC)) \
	  $(B)/libshunt.a $(call libs,$(filter-out lua%,$(PACKAGES)))

$(B)/tests/%: $(B)/obj/tests/unit/%.o $(call obj,$(TEST_HELP_SRC) $(if $(filter %thread,$(SANITIZE)),tests/tsan.c)) $(B)/libshunt.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(B)/libshunt.a $(call libs,cmocka $(PACKAGES))
# One test calls all that the header declares.
$(B)/nulls_calls.h: tests/unit/nulls.lua src/shunt.h
	@mkdir -p $(@D)
	$(call say,GEN,$@)$(LUA) tests/unit/nulls.lua src/shunt.h >$@
$(B)/obj/tests/unit/nulls_test.o: $(B)/nulls_calls.h
$(B)/tests/cli/serve_test: $(call obj,src/cli/serve.c)
# The generator of rules belongs to one test.
$(B)/tests/rule/same_test: $(call obj,$(wildcard tests/unit/rule/same/*.c))
# Relays that tests put between themselves and a real server.
$(RELAYS): $(B)/tests/%: $(B)/obj/tests/engines/%.o
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -o $@ $^
# Hosts that specs run.
$(B)/tests/calls: $(B)/obj/tests/hosts/calls.o $(B)/libshunt.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call libs,$(PACKAGES))
# Lua modules of specs: the watchdog of those that wait, and an allocator that fails, which a state needs to its end.
$(SUPPORT): $(B)/lua/tests/support/%.so: $(B)/obj/tests/support/%.o
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -shared $(STAYS) -o $@ $^
# What programs preload that are to die at a certain step. A sanitizer's runtime, preloaded too, would have to come first.
$(B)/obj/tests/support/interrupt.o: private CFLAGS_ALL := $(filter-out $(SANITIZE),$(CFLAGS_ALL))
$(INTERRUPT): $(B)/obj/tests/support/interrupt.o
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS) -shared -o $@ $^ -ldl
# A wall clock that leaps, preloaded or linked.
LEAP_OBJ = $(B)/obj/tests/support/leap.o
$(LEAP_OBJ): private CFLAGS_ALL := $(filter-out $(SANITIZE),$(CFLAGS_ALL))
$(LEAP): $(LEAP_OBJ)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS) -shared -o $@ $^
$(B)/tests/jobs/leap_test $(B)/tests/joint/age_test: $(LEAP_OBJ)
$(B)/hosts/http: $(call obj,$(wildcard tests/hosts/http/*.c) $(if $(filter %thread,$(SANITIZE)),tests/tsan.c)) $(B)/libshunt.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call libs,libmicrohttpd $(PACKAGES))
# A fuzzer is one function. libFuzzer, which SANITIZE may ask clang for, calls it in place of main.c.
$(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(B)/obj/tests/fuzz/main.o $(B)/libshunt.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -Wl,--defsym=LLVMFuzzerTestOneInput=shunt_fuzz_$* -o $@ \
	  $(if $(findstring fuzzer,$(SANITIZE)),-fsanitize=fuzzer) \
	  $(filter-out $(if $(findstring fuzzer,$(SANITIZE)),%/fuzz/main.o),$(filter %.o,$^)) $(B)/libshunt.a $(call libs,$(PACKAGES))
# Some inputs reach the library through the Lua module.
$(B)/fuzz/json $(B)/fuzz/where: $(call obj,$(BIND_SRC))
# Lua hosts have the Lua module in the program.
$(B)/bench/lua_resolve $(B)/bench/lua_rows: $(call obj,$(BIND_SRC))
$(B)/bench/%: $(B)/obj/tests/bench/%.o $(B)/libshunt.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(B)/libshunt.a $(call libs,$(PACKAGES))

$(B)/man/made: $(B)/shunt $(wildcard src/pack/*.lua lua/shunt/cli/*.lua) src/shunt.h rules/manual/rules.md rules/manual/sandbox.md
	$(call say,GEN,$(B)/man)rm -rf $(B)/man && $(B)/shunt run src/pack/man.lua $(B)/man && touch $@

# A service that does not use the library.
$(B)/bench/http_by_hand: $(call obj,tests/bench/http_by_hand.c tests/hosts/http/server.c)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call libs,libmicrohttpd sqlite3 libpq jansson)

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# ---- what is run ----

# Runs make again, with the packages that are now installed; on all processors unless -j limits them.
again = @$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

deps: ## Install the packages that building and testing need (Debian, Ubuntu)
	@sh tests/packages.sh build test

demo: ## Build shunt and run it on the example in rules/store; ENGINES=1: on PostgreSQL and MySQL too
	@sh tests/packages.sh build $(if $(ENGINES),servers)
	$(again) -s all
	@$(if $(ENGINES),sh tests/engines/with-servers.sh) sh rules/store/demo.sh $(abspath $(B))/shunt $(if $(ENGINES),engines)

test: ## Build and run every test; MYSQL=mysql or MYSQL=mariadb says which of the two servers is started
	@sh tests/packages.sh build test
	$(again) check

# Builds the tests in C without running them.
unit: $(TESTS) $(FUZZERS) $(RELAYS) $(HOSTS) $(SUPPORT) $(INTERRUPT) $(LEAP)

# The common part of test, asan, tsan and coverage. RUN holds options of tests/run.lua.
check: $(TESTS) $(FUZZERS) $(RELAYS) $(HOSTS) $(SUPPORT) $(INTERRUPT) $(LEAP) $(if $(filter --only,$(RUN)),,all $(BENCHES))
	@$(if $(filter unit fuzz,$(RUN)),,sh tests/engines/with-servers.sh) $(LUA) tests/run.lua --build $(B) --cc '$(CC)' $(RUN) $(TESTS) $(FUZZERS)

SANITIZERS = address,undefined -fno-sanitize-recover=all
SANITIZED = B=build/asan CFLAGS='-O1 -g -fno-omit-frame-pointer' SANITIZE='-fsanitize=$(SANITIZERS)'

asan: export SHUNT_FUZZ_SECONDS ?= 60
asan: ## Run every test under the address and undefined-behaviour sanitizers
	@sh tests/packages.sh build test
	$(again) check RUN=--hosted $(SANITIZED)

# The spec of the HTTP service, with the service of this build folder and the Lua module of the usual one.
http_spec = SHUNT_BUILD=$(1) LUA_PATH='./?.lua;./lua/?.lua;./lua/?/init.lua;;' LUA_CPATH='build/lua/?.so;;' \
  TSAN_OPTIONS=halt_on_error=1 sh tests/engines/with-servers.sh --private $(LUA) "$$(command -v busted)" \
  --output=plainTerminal tests/engines/http_spec.lua

tsan: ## Run the unit tests, and the HTTP service under load, under the thread sanitizer
	@sh tests/packages.sh build test
	$(again) check B=build/tsan CFLAGS='-O1 -g' RUN='--only unit' SANITIZE=-fsanitize=thread
	$(again) -s all unit
	@$(call http_spec,build/tsan)

# Whether clang is there, with its libFuzzer.
LIBFUZZER = $(shell echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | \
  clang -xc - -fsanitize=fuzzer,$(SANITIZERS) -o /dev/null 2>/dev/null && echo yes)
MINUTES ?= 60

fuzzers: ## Run the fuzzers of tests/fuzz under both sanitizers for MINUTES=60 in all, or only FUZZER=name
	@sh tests/packages.sh build test
	$(again) run-fuzzers $(if $(LIBFUZZER),LIBFUZZER=yes CC=clang B=build/fuzzers CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	  SANITIZE='-fsanitize=fuzzer-no-link$(,)$(SANITIZERS)',LIBFUZZER= $(SANITIZED))

WANTED_FUZZERS = $(if $(FUZZER),$(FUZZER:%=$(B)/fuzz/%),$(FUZZERS))
run-fuzzers: $(WANTED_FUZZERS)
	@LIBFUZZER=$(LIBFUZZER) sh tests/fuzz/fuzzers.sh $(MINUTES) $(WANTED_FUZZERS)

# The unit tests with random input.
RANDOM_TESTS = $(patsubst tests/unit/%.c,$(B)/tests/%,$(sort $(shell grep -lE 'rng_start|app_seed' $(TEST_SRC))))
ROUNDS ?= 20

# Of generated rules: 200 sets with 500 requests each, in 20 rounds.
fuzz: export SHUNT_RULE_SETS ?= 10
fuzz: export SHUNT_REQUESTS ?= 500
fuzz: fuzzers ## Run the fuzzers, then the tests with random input ROUNDS=20 times with other seeds
	@sh tests/packages.sh build test servers
	$(again) -s all unit
	@sh tests/engines/with-servers.sh sh tests/fuzz/run.sh $(B) $(ROUNDS) $(RANDOM_TESTS)

# Of session variables: 5,000 schemas, and 100,000 calls in all rounds.
nightly: export SHUNT_TENANTS = 5000
nightly: export SHUNT_CALLS = 2500
nightly: export SHUNT_JOBS = 10000
nightly: export SHUNT_FAULTS = 100
nightly: export SHUNT_HTTP_SECONDS = 60
nightly: ## The same 40 times: 200,000 random trees of relations, ten thousand jobs at a time. It takes hours
	$(again) fuzz ROUNDS=40
	@$(call http_spec,build)

coverage: ## Run every test and print which lines of src ran
	@sh tests/packages.sh build test coverage
	@find build/coverage -name '*.gcda' -exec rm {} + 2>/dev/null || true
	$(again) check B=build/coverage CFLAGS='-O0 -g' RUN=--hosted SANITIZE=--coverage
	@gcovr --root . --filter src/ --object-directory build/coverage --exclude-unreachable-branches

bench: ## Measure; one line for each figure: NAME VALUE LIMIT ok|short
	@sh tests/packages.sh build bench
	$(again) -s all $(BENCHES) $(HOSTS) $(SUPPORT)
	@sh tests/engines/with-servers.sh sh tests/bench/run.sh $(B)/bench

lint: ## Check spelling, phrases, style, warnings and the ABI: codespell, luacheck, cppcheck, clang-tidy, clang-format, gcc, clang
	@sh tests/packages.sh build test lint
	@codespell src lua rules tests Makefile $(wildcard *.md)
	@$(LUA) tests/prose.lua
	@luacheck --quiet lua rules src tests
	@clang-format --dry-run -Werror $(C_FILES)
	@cppcheck --quiet --std=c11 -j 2 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	  $(addprefix --suppress=,missingIncludeSystem toomanyconfigs autoVariables uninitvar:src/route/evaluate.c preprocessorErrorDirective:src/base/probe.h wrongPrintfScanfArgNum '*:/usr/include/*') $(CPPFLAGS_ALL) src
	@printf '%s\n' $(LIB_SRC) $(BIND_SRC) $(MAIN_SRC) | xargs -P 2 -I {} clang-tidy --quiet {} -- -std=c11 $(CPPFLAGS_ALL) 2>/dev/null
	$(again) -s all unit CC=gcc B=build/lint-gcc WERROR=1
	$(again) -s all unit CC=clang B=build/lint-clang WERROR=1
	@$(LUA) src/pack/abi.lua build/lint-gcc/$(LIBRARY) gcc
	@echo 'lint: clean'

abi: ## Record the ABI of the library as it is, in src/pack/libshunt.abi
	@sh tests/packages.sh build lint
	$(again) -s all
	@$(LUA) src/pack/abi.lua build/$(LIBRARY) gcc --renew

fmt: ## Format the C files
	@sh tests/packages.sh lint
	@clang-format -i $(C_FILES)

# ---- where it goes ----

# The command itself prints the completions of three shells.
COMPLETIONS = bash-completion/completions/shunt zsh/site-functions/_shunt fish/vendor_completions.d/shunt.fish
MAN_PAGES = man1/shunt.1 man3/shunt.3 man3/shunt_*.3 man5/shunt.yaml.5 man7/shunt-rules.7
DOCUMENTS = README.md CHANGELOG.md LICENSE
HEADERS = $(notdir $(wildcard src/shunt.h src/shunt.hpp))
RULES_FILES = find rules -path rules/store/data -prune -o -type f ! -name '*.db*' ! -name '*.sh' -print
# A folder below PREFIX as pkg-config gives it, so that it can be moved with its prefix.
below_prefix = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))

# The Lua module and the command, which is all that a rock has.
module: $(B)/shunt $(B)/lua/shunt/core.so
install-module: module
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(LUACDIR)/shunt)
	install -m 755 $(B)/shunt $(DESTDIR)$(BINDIR)/shunt
	install -m 755 $(B)/lua/shunt/core.so $(DESTDIR)$(LUACDIR)/shunt/core.so
	for file in $$(cd lua && find shunt -type f); do \
	  install -D -m 644 lua/$$file $(DESTDIR)$(LUADIR)/$$file || exit 1; done

install: all $(B)/man/made install-module ## Install under PREFIX (/usr/local), below DESTDIR if it is set
	install -d $(addprefix $(DESTDIR),$(LIBDIR)/pkgconfig $(INCLUDEDIR) $(DATADIR)/shunt $(DOCDIR))
	install -m 644 $(addprefix src/,$(HEADERS)) $(DESTDIR)$(INCLUDEDIR)
	install -m 644 $(B)/libshunt.a $(DESTDIR)$(LIBDIR)/libshunt.a
	install -m 755 $(B)/$(LIBRARY) $(DESTDIR)$(LIBDIR)/$(LIBRARY)
	ln -sf $(LIBRARY) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libshunt.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(call below_prefix,$(LIBDIR))|' \
	  -e 's|@INCLUDEDIR@|$(call below_prefix,$(INCLUDEDIR))|' -e 's|@DATADIR@|$(call below_prefix,$(DATADIR))|' \
	  -e 's|@VERSION@|$(VERSION)|' -e 's|@PACKAGES@|$(PACKAGES)|' src/pack/shunt.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/shunt.pc
	for file in $$($(RULES_FILES)); do install -D -m 644 $$file $(DESTDIR)$(DATADIR)/shunt/$$file || exit 1; done
	install -m 644 $(DOCUMENTS) $(DESTDIR)$(DOCDIR)
	for page in $$(cd $(B)/man && find . -name '*.[1-9]'); do \
	  install -D -m 644 $(B)/man/$$page $(DESTDIR)$(MANDIR)/$$page || exit 1; done
	install -d $(dir $(addprefix $(DESTDIR)$(DATADIR)/,$(COMPLETIONS)))
	for file in $(COMPLETIONS); do $(B)/shunt completion $${file%%[-/]*} >$(DESTDIR)$(DATADIR)/$$file || exit 1; done
	[ -n "$(DESTDIR)" ] || ldconfig 2>/dev/null || true

uninstall: ## Remove the installed files, with the same variables as for install
	rm -f $(addprefix $(DESTDIR),$(BINDIR)/shunt $(addprefix $(INCLUDEDIR)/,$(HEADERS)) \
	  $(addprefix $(LIBDIR)/,libshunt.a libshunt.so $(SONAME) $(LIBRARY) pkgconfig/shunt.pc) \
	  $(addprefix $(MANDIR)/,$(MAN_PAGES)) $(addprefix $(DATADIR)/,$(COMPLETIONS)) $(addprefix $(DOCDIR)/,$(DOCUMENTS)))
	rm -rf $(addprefix $(DESTDIR),$(LUACDIR)/shunt $(LUADIR)/shunt $(DATADIR)/shunt)
	rmdir $(DESTDIR)$(DOCDIR) 2>/dev/null || true

deb: ## Make Debian packages in build/deb, lintian-clean; as root, TRY=DIR tries them in a root of their own
	@sh tests/packages.sh build deb
	@DEB_BUILD_OPTIONS="$${DEB_BUILD_OPTIONS-parallel=$(shell nproc)}" sh src/pack/deb.sh build/deb
	@$(if $(TRY),sh tests/packages.sh root && sh tests/deb.sh build/deb $(TRY))

# LuaRocks finds no dependencies itself here: a rock's own dependency, argparse, comes from the system.
rock: ## Build a rock with LuaRocks in build/rock, and try it
	@sh tests/packages.sh build rock
	@luarocks --lua-version $(LUA_ABI) make --deps-mode none --tree build/rock/tree src/pack/shunt-dev-1.rockspec
	@sh tests/rock.sh build/rock/tree

clean: ## Remove everything that was built
	rm -rf build rules/store/data rules/cookbook/*/*.db* tests/hosts/*/*.db*

help: ## Show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile
