# SPDX-License-Identifier: GPL-2.0-only
# `make` builds the command and its start helper. `make demo` and `make check`
# fetch what they need. Output goes to build/, downloads to .cache/ (MMA_CACHE).

PREFIX  ?= /usr/local
DESTDIR ?=
SBINDIR  = $(PREFIX)/sbin
LIBEXECDIR = $(PREFIX)/libexec
MANDIR   = $(PREFIX)/share/man
DOCDIR   = $(PREFIX)/share/doc/mptcp-mail-attach
COMPLETIONDIR = $(PREFIX)/share/bash-completion/completions
UNITDIR  = $(PREFIX)/lib/systemd/system
RULESDIR = $(PREFIX)/lib/udev/rules.d
# Independent of the prefix: other programs look for them here.
HOOKSDIR = /usr/share/containers/oci/hooks.d
CONFDIR  = /etc/mptcp-mail-attach

CC      ?= gcc
CLANG   ?= clang
# Ubuntu's /usr/sbin/bpftool insists on the running kernel's version; any version will do.
BPFTOOL ?= $(firstword $(lastword $(wildcard /usr/lib/linux-tools/*/bpftool)) $(wildcard /usr/sbin/bpftool) bpftool)
STRIP   ?= llvm-strip

# V=1 shows the commands.
Q    := $(if $(filter 1,$(V)),,@)
say   = @echo "  $(1)	$@"

BUILD  := build
BIN    := $(BUILD)/mptcp-mail-attach
START  := $(BIN)-start
VERSION := $(shell cat VERSION)

# The shared libbpf, except on Debian 12, where it is too old for TCX (docs/decisions.md).
OS := $(shell . /etc/os-release 2>/dev/null && echo "$$ID-$$VERSION_ID")
LIBBPF ?= $(if $(filter debian-12,$(OS)),-l:libbpf.a -lelf -lz,-lbpf)
LIBS    = $(LIBBPF) -lmnl -ljansson

WARNINGS = -Wall -Wextra -Wformat=2 -Wshadow -Wvla -Wstrict-prototypes \
	   -Wmissing-prototypes
HARDEN   = -fstack-protector-strong -fstack-clash-protection \
	   -D_FORTIFY_SOURCE=3 -fPIE
# Reproducible: the output and the build id depend on the sources, not on the directory.
ANYWHERE = -ffile-prefix-map=$(CURDIR)=.
CPPFLAGS_OURS = -D_GNU_SOURCE -Iinclude -Iloader -I$(BUILD)
# The user's flags come last, so that they win.
CFLAGS_OURS  = -std=gnu11 -O2 -g $(WARNINGS) $(HARDEN) $(ANYWHERE)
LDFLAGS_OURS = -pie -Wl,-z,relro,-z,now
# In the build machine's byte order, unless BPF_TARGET says otherwise.
BPF_TARGET  ?= bpf
BPF_CFLAGS   = -O2 -g -target $(BPF_TARGET) -mcpu=v3 -Wall -Wextra -Wno-unused-parameter \
	       -Iinclude -Ibpf -I/usr/include/$(shell uname -m)-linux-gnu $(ANYWHERE)

# A separate object: --audit's program also runs on kernels that cannot load the others.
BPF_SRC := $(filter-out bpf/audit.bpf.c,$(sort $(wildcard bpf/*.bpf.c)))
BPF_OBJ := $(BPF_SRC:bpf/%.bpf.c=$(BUILD)/bpf/%.o)
SRC     := $(sort $(wildcard loader/*.c loader/*/*.c))
OBJ     := $(SRC:loader/%.c=$(BUILD)/loader/%.o)
# The start helper of the drop-ins. It runs in the service's own cgroup, so it is small and uses no library.
START_OBJ := $(BUILD)/start/start.o $(addprefix $(BUILD)/loader/,host/leave.o systemd/timespan.o)
MADE    := $(BUILD)/mma.skel.h $(BUILD)/audit.skel.h $(BUILD)/build_id.h $(BUILD)/version.h

# bpftool writes its output also when it fails.
.DELETE_ON_ERROR:

.PHONY: all
all: $(BIN) $(START)

$(BIN): $(OBJ)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS_OURS) $(LDFLAGS_OURS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/loader/%.o: loader/%.c $(MADE)
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_OURS) $(CPPFLAGS) $(CFLAGS_OURS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(START): $(START_OBJ)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS_OURS) $(LDFLAGS_OURS) $(CFLAGS) $(LDFLAGS) -o $@ $^

$(BUILD)/start/%.o: start/%.c
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_OURS) $(CPPFLAGS) $(CFLAGS_OURS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/bpf/%.o: bpf/%.bpf.c $(wildcard bpf/*.h include/*.h) | $(BUILD)/bpf $(BUILD)/tools-ok
	$(call say,BPF)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<
	$(Q)$(STRIP) -g $@

$(BUILD)/mma.bpf.o: $(BPF_OBJ)
	$(Q)$(BPFTOOL) gen object $@ $^

$(BUILD)/audit.bpf.o: $(BUILD)/bpf/audit.o
	$(Q)$(BPFTOOL) gen object $@ $<

$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(call say,SKEL)
	$(Q){ echo '#pragma GCC system_header /* not ours to lint */'; \
	$(BPFTOOL) gen skeleton $< name $*; } > $@.tmp && mv $@.tmp $@

# The build id of the BPF object. It decides whether attached programs need replacing.
$(BUILD)/build_id.h: $(BUILD)/mma.bpf.o
	$(Q)printf '#define MMA_BUILD_ID "%.16s"\n' "$$(sha256sum < $<)" > $@

$(BUILD)/version.h: VERSION | $(BUILD)/loader
	$(Q)printf '#define MMA_VERSION "%s"\n' "$(VERSION)" > $@

$(BUILD)/loader $(BUILD)/bpf $(BUILD)/tests:
	$(Q)mkdir -p $@

# Reports missing tools in one line instead of a page of compiler errors.
$(BUILD)/tools-ok: Makefile | $(BUILD)/bpf
	@command -v $(CLANG) >/dev/null && command -v $(BPFTOOL) >/dev/null && \
	command -v pkg-config >/dev/null && pkg-config --exists 'libbpf >= 1.3' libmnl jansson && \
	echo 'int verdict = TCX_NEXT;' | $(CLANG) -include linux/bpf.h -fsyntax-only -x c - 2>/dev/null || \
	{ echo "make: clang, bpftool, pkg-config, libbpf >= 1.3, kernel headers >= 6.6, libmnl and jansson are needed: make deps" >&2; exit 1; }
	@touch $@

.PHONY: deps
deps:
	scripts/deps build

MAN     := $(BUILD)/mptcp-mail-attach.8
TARBALL := $(BUILD)/mptcp-mail-attach-$(VERSION).tar.gz
EXAMPLES := $(shell cd dist && find examples -type f | LC_ALL=C sort)

# The manual page has the date of the release, not of the build.
RELEASED = $$(date -u -d "$$(sed -n 's/^\#\# [0-9.]*, //p' CHANGELOG.md | head -n 1)" +%s)

.PHONY: man
man: $(MAN)
$(MAN): man/mptcp-mail-attach.8.scd VERSION CHANGELOG.md | $(BUILD)/loader
	$(call say,MAN)
	$(Q)command -v scdoc >/dev/null || { echo "make: scdoc is needed for the manual page: make deps" >&2; exit 1; }
	$(Q)sed 's/@VERSION@/$(VERSION)/' $< | SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$(RELEASED)} scdoc > $@.tmp
	$(Q)sed "1i '\\\\\" t" $@.tmp > $@ # makes man(1) run tbl

# Installs a file with the command's paths changed to where they are installed.
at_sbin = sed -e 's|/usr/sbin/mptcp|$(SBINDIR)/mptcp|' -e 's|/usr/libexec/|$(LIBEXECDIR)/|' $(1) | \
	install -D -m $(or $(3),0644) /dev/stdin "$(DESTDIR)$(2)"

.PHONY: install uninstall
install: $(BIN) $(START) $(MAN)
	install -D -m 0755 $(BIN) "$(DESTDIR)$(SBINDIR)/mptcp-mail-attach"
	install -D -m 0755 $(START) "$(DESTDIR)$(LIBEXECDIR)/mptcp-mail-attach-start"
	install -D -m 0644 $(MAN) "$(DESTDIR)$(MANDIR)/man8/mptcp-mail-attach.8"
	install -D -m 0644 dist/mptcp-mail-attach.bash "$(DESTDIR)$(COMPLETIONDIR)/mptcp-mail-attach"
	$(call at_sbin,dist/90-mptcp-mail-attach.rules,$(RULESDIR)/90-mptcp-mail-attach.rules)
	$(call at_sbin,dist/mptcp-mail-attach-refresh.service,$(UNITDIR)/mptcp-mail-attach-refresh.service)
	install -D -m 0644 docs/metrics.md "$(DESTDIR)$(DOCDIR)/metrics.md"
	$(call at_sbin,dist/containers/hook,$(LIBEXECDIR)/mptcp-mail-attach/hook,0755)
	$(call at_sbin,dist/containers/50-mptcp-mail-attach.json,$(HOOKSDIR)/50-mptcp-mail-attach.json)
	$(call at_sbin,dist/containers/runtime,$(CONFDIR)/runtime,0755)
	set -e; for e in $(EXAMPLES); do $(call at_sbin,dist/$$e,$(DOCDIR)/$$e); done

# Keep the wrapper while Docker names it: containers with that runtime do not start without it.
uninstall:
	@if grep -qs mptcp-mail-attach/runtime "$(DESTDIR)/etc/docker/daemon.json"; then \
		echo "$(CONFDIR)/runtime stays: /etc/docker/daemon.json names it" >&2; \
	else rm -f "$(DESTDIR)$(CONFDIR)/runtime"; rmdir "$(DESTDIR)$(CONFDIR)" 2>/dev/null || :; fi
	rm -rf "$(DESTDIR)$(LIBEXECDIR)/mptcp-mail-attach"
	rm -f "$(DESTDIR)$(HOOKSDIR)/50-mptcp-mail-attach.json" \
		"$(DESTDIR)$(SBINDIR)/mptcp-mail-attach" \
		"$(DESTDIR)$(LIBEXECDIR)/mptcp-mail-attach-start" \
		"$(DESTDIR)$(MANDIR)/man8/mptcp-mail-attach.8" \
		"$(DESTDIR)$(COMPLETIONDIR)/mptcp-mail-attach" \
		"$(DESTDIR)$(RULESDIR)/90-mptcp-mail-attach.rules" \
		"$(DESTDIR)$(UNITDIR)/mptcp-mail-attach-refresh.service"
	rm -rf "$(DESTDIR)$(DOCDIR)"

# Both build from the last commit, without uncommitted changes.
.PHONY: dist deb
dist: | $(BUILD)/loader
	git archive --format=tar.gz --prefix=mptcp-mail-attach-$(VERSION)/ -o $(TARBALL) HEAD
	@echo $(TARBALL)

deb: dist
	@scripts/deps package
	rm -rf $(BUILD)/deb && mkdir $(BUILD)/deb && tar -C $(BUILD)/deb -xf $(TARBALL)
	cd $(BUILD)/deb/mptcp-mail-attach-$(VERSION) && dpkg-buildpackage -us -uc
	@ls $(BUILD)/deb/*.deb

.PHONY: lint
lint: $(MADE)
	@scripts/deps lint
	@scripts/lint

.PHONY: check
check:
	@tests/check

# Tests that take too long for every run: ten million inputs per parser, coverage, kills and failures
# at every system call, full soaks (MMA_SOAK_SECONDS limits each of them), arm64, s390x, a debug
# kernel, and Debian without systemd.
.PHONY: check-long
check-long:
	@$(MAKE) --no-print-directory fuzz FUZZ_RUNS=10000000
	@$(MAKE) --no-print-directory coverage
	@MMA_KILL=thorough MMA_SOAK_SECONDS=$${MMA_SOAK_SECONDS:-7200} MMA_STARTS=20 tests/check unit-s390x vm-6.12 vm-7 long-6.12 long-7 vm-arm64 vm-s390x vm-nojit vm-debug vm-openrc sd-limits sd-debian12 sd-hybrid sd-containers sd-containers-sid

.PHONY: demo
demo:
	@BREAK='$(BREAK)' demo/run

.PHONY: figures
figures:
	@figures/run

.PHONY: bench
bench:
	@bench/run

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(OBJ:.o=.d) $(START_OBJ:.o=.d)

-include tests/tests.mk
