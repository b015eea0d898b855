# SPDX-License-Identifier: GPL-2.0-only
# make unit: C unit tests (no root) and native BPF tests (as root; skipped with a reason where
# impossible); make fuzz; make proof. Each prints a line per test and 'N passed, N failed, N
# skipped', and writes JUnit XML to build/tests/.

TESTS    := $(BUILD)/tests
# Not CFLAGS_OURS: sanitizers and hardening do not work together.
TEST_CC  ?= $(CC)
TEST_FLAGS = $(CPPFLAGS_OURS) -Itests/unit -Ibpf -std=gnu11 -O1 -g $(WARNINGS) \
	     -fno-omit-frame-pointer -MMD -MP
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all
FAKES    = fopen fclose stat name_to_handle_at
comma   := ,

UNIT     := options ports allowlist cgroup container mounts netns report cli audit units timespan
UNIT_BIN := $(UNIT:%=$(TESTS)/unit/%)
# The parts of the loader and the helpers that tests share; the linker picks what each test uses.
UNIT_LIB := $(TESTS)/unit.a
UNIT_OBJ := $(addprefix $(TESTS)/loader/,ports.o report.o cli.o json_text.o host/cgroup.o host/cgroup_path.o \
	      host/cgroup_find.o host/container.o host/kernel_btf.o host/kernel_object.o host/kernel_types.o host/mounts.o host/netns.o host/run.o audit/reading.o audit/text.o audit/json.o \
	      systemd/units.o systemd/systemd.o systemd/systemctl.o systemd/timespan.o) \
	    $(addprefix $(TESTS)/unit/,fault_text.o fake_files.o)

$(TESTS)/unit $(TESTS)/bpf $(TESTS)/fuzz:
	$(Q)mkdir -p $@

$(TESTS)/loader/%.o: loader/%.c $(MADE)
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(TEST_CC) $(TEST_FLAGS) $(SANITIZE) $(CFLAGS) -c -o $@ $<

$(TESTS)/unit/%.o: tests/unit/%.c | $(TESTS)/unit
	$(call say,CC)
	$(Q)$(TEST_CC) $(TEST_FLAGS) $(SANITIZE) $(CFLAGS) -c -o $@ $<

$(UNIT_LIB): $(UNIT_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^

$(TESTS)/unit/allowlist: FAKES = bpf_map_lookup_elem bpf_map_update_elem bpf_map_delete_elem
$(TESTS)/unit/netns: FAKES = open
$(TESTS)/unit/units: FAKES =
$(UNIT_BIN): %: %.o $(UNIT_LIB)
	$(call say,LD)
	$(Q)$(TEST_CC) $(SANITIZE) -o $@ $^ $(FAKES:%=-Wl$(comma)--wrap=%) -lcmocka $(LIBS)

# Native BPF tests run on this kernel, as root.
NATIVE     := fixtures differential programs follow live wire repair types
NATIVE_BIN := $(NATIVE:%=$(TESTS)/bpf/%)
NATIVE_LIB := $(TESTS)/bpf.a
NATIVE_OBJ := $(patsubst %,$(TESTS)/bpf/%.o,object packets shapes tree rig connection)
FIXTURE    := $(TESTS)/strip_fixture.bpf.o

UNWRITABLE := $(TESTS)/unwritable.bpf.o
UNKNOWN    := $(TESTS)/unknown.bpf.o

$(FIXTURE) $(UNWRITABLE) $(UNKNOWN): $(TESTS)/%.o: tests/bpf/%.c tests/bpf/verdicts.h bpf/strip.bpf.c \
		$(wildcard bpf/*.h include/*.h) | $(TESTS)/bpf $(BUILD)/tools-ok
	$(call say,BPF)
	$(Q)$(CLANG) $(BPF_CFLAGS) -Itests/bpf -c -o $@ $<

$(TESTS)/bpf/%.o: tests/bpf/%.c | $(TESTS)/bpf
	$(call say,CC)
	$(Q)$(TEST_CC) $(TEST_FLAGS) -Itests -Itests/bpf -DFIXTURE_OBJECT='"$(FIXTURE)"' \
		-DUNWRITABLE_OBJECT='"$(UNWRITABLE)"' -DUNKNOWN_OBJECT='"$(UNKNOWN)"' -DPRODUCT_OBJECT='"$(BUILD)/mma.bpf.o"' $(SANITIZE) $(CFLAGS) -c -o $@ $<

$(NATIVE_LIB): $(NATIVE_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^

$(NATIVE_BIN): %: %.o $(NATIVE_LIB) $(UNIT_LIB)
	$(call say,LD)
	$(Q)$(TEST_CC) $(SANITIZE) -o $@ $^ -lcmocka $(LIBS)

# Used by tests/s390x.
.PHONY: unit-programs bpf-objects
unit-programs: $(UNIT_BIN)
bpf-objects: $(BPF_OBJ) $(BUILD)/bpf/audit.o

.PHONY: unit
unit: $(UNIT_BIN) $(NATIVE_BIN) $(FIXTURE) $(UNWRITABLE) $(UNKNOWN) $(BUILD)/mma.bpf.o
	$(Q)MMA_TEST_OUT=$(TESTS) tests/tap unit $(UNIT_BIN) \
		$(if $(filter 0,$(shell id -u)),$(NATIVE_BIN),$(NATIVE:%='=%:needs root'))

# Bounded model checking of the option walk; takes half a minute with CBMC 6.
CBMC ?= $(CURDIR)/tests/proof/cbmc
.PHONY: proof
proof:
	$(Q)CBMC=$(CBMC) MMA_TEST_OUT=$(TESTS) tests/tap proof tests/proof/options

# libFuzzer, part of clang. Each target runs for FUZZ_SECONDS, or for FUZZ_RUNS inputs.
FUZZ_SECONDS ?= 10
FUZZ_RUNS    ?=
FUZZ      := options ports mounts cgroup visible
FUZZ_BIN  := $(FUZZ:%=$(TESTS)/fuzz/%)
FUZZ_OBJ  := $(patsubst %,$(TESTS)/fuzz/loader/%.o,ports report host/mounts host/cgroup host/cgroup_path host/cgroup_find) $(TESTS)/fuzz/input.o
FUZZ_FLAGS = $(TEST_FLAGS) -fsanitize=fuzzer-no-link $(SANITIZE)

$(TESTS)/fuzz/loader/%.o: loader/%.c $(MADE)
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -c -o $@ $<

$(TESTS)/fuzz/%.o: tests/fuzz/%.c | $(TESTS)/fuzz
	$(call say,CC)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -c -o $@ $<

$(TESTS)/fuzz.a: $(FUZZ_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^

$(TESTS)/fuzz/cgroup: FUZZ_FAKES = stat opendir
$(FUZZ_BIN): %: %.o $(TESTS)/fuzz.a
	$(call say,LD)
	$(Q)$(CLANG) -fsanitize=fuzzer $(SANITIZE) -o $@ $^ -Wl,--wrap=fopen \
		$(FUZZ_FAKES:%=-Wl$(comma)--wrap=%) $(LIBS)

.PHONY: fuzz fuzz-corpus
fuzz: $(FUZZ_BIN)
	$(Q)FUZZ_TARGETS="$(FUZZ)" FUZZ_OUT=$(TESTS)/fuzz FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_RUNS=$(FUZZ_RUNS) \
		MMA_TEST_SECONDS=$(if $(FUZZ_RUNS),7200,$$(($(FUZZ_SECONDS) * $(words $(FUZZ)) + 600))) \
		MMA_TEST_OUT=$(TESTS) tests/tap fuzz tests/fuzz/targets

# Adds new inputs that increase coverage to the corpus.
fuzz-corpus: $(FUZZ_BIN)
	$(Q)for target in $(FUZZ); do mkdir -p $(TESTS)/fuzz/$$target.corpus && \
		$(TESTS)/fuzz/$$target -merge=1 tests/fuzz/corpus/$$target \
		$(TESTS)/fuzz/$$target.corpus || exit 1; done

-include $(wildcard $(TESTS)/*/*.d $(TESTS)/*/*/*.d $(TESTS)/*/*/*/*.d)

# Measures the tests' coverage of the loader; takes half an hour.
.PHONY: coverage
coverage:
	@tests/coverage

# Runs real mail servers in guests (tests/vm/servers) and writes their tables; takes an hour or more.
.PHONY: servers
servers:
	@rc=0; tests/vm/servers/run || rc=$$?; \
	tests/vm/servers/table build/servers >docs/servers.md.new && mv docs/servers.md.new docs/servers.md; \
	tests/vm/servers/lookups-table build/servers >docs/lookups.md.new && mv docs/lookups.md.new docs/lookups.md; exit $$rc
