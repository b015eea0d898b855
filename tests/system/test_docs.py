# SPDX-License-Identifier: GPL-2.0-only
"""The documentation agrees with the command: --help, the manual page, the completion, the
installed files, the versions. Needs none of our test kernels."""

import glob
import itertools
import json
import os
import re
import statistics
import shutil
import subprocess
import tarfile

import pytest

REPO = os.path.abspath(f"{os.path.dirname(__file__)}/../..")
TOOL = os.environ.get("MMA_TOOL", f"{REPO}/build/mptcp-mail-attach")
NOBODY = 65534


def text(path):
    with open(f"{REPO}/{path}") as f:
        return f.read()


def tool(*args):
    """Runs it as an ordinary user, so that no option can change anything."""
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.run([TOOL, *args], capture_output=True, text=True, timeout=20, check=False,
                          cwd="/", **user)


@pytest.fixture(scope="module")
def options():
    """{"--port": (letter or "", argument or "")} from --help, which the tool prints from the table
    of options itself."""
    found = re.findall(r"^[a-z]* +(?:-(\w),)? +(--[a-z-]+)(?: (\S+))?(?:  |$)", tool("--help").stdout, re.M)
    assert len(found) > 10
    return {name: (letter and f"-{letter}", argument) for letter, name, argument in found}


@pytest.fixture(scope="module")
def modes(options):
    """The options that choose a mode; two of them exclude each other."""
    return [o for o in options if "one mode at a time" in
            tool(*call(o, options), *call("--help" if o != "--help" else "--version", options)).stderr]


def call(option, options):
    """The option with an argument that can be parsed."""
    value = {"LIST": "25", "S": "1", "[S]": "1", "N": "1", "": None}.get(options[option][1], "x")
    return [option] if value is None else [option, value]


def test_help(options):
    result = tool("--help")
    lines = result.stdout.splitlines()
    assert result.returncode == 0 and not result.stderr
    assert len(lines) <= len(options) + 4, "an option takes a line"
    assert max(map(len, lines)) <= 80
    for option, (_, argument) in options.items():
        got = tool(option)
        if argument and argument[0] != "[":
            assert (got.returncode, got.stderr) == (
                2, f"mptcp-mail-attach: {option}: needs an argument; see --help\n")
        assert "unknown option" not in got.stderr


# The manual page

@pytest.fixture(scope="module")
def page():
    return text("man/mptcp-mail-attach.8.scd")


def section(page, name):
    return re.search(rf"^# {name}\n(.*?)(?=^# |\Z)", page, re.M | re.S).group(1)


def plain(marked):
    return marked.replace("*", "").replace("_", "")


def test_page_describes_every_option_once(page, options):
    heads = [plain(head) for head in re.findall(r"^(\*-.*)\n\t", page, re.M)]
    expected = []
    for option, (letter, argument) in options.items():
        expected.append(f"{letter + ', ' if letter else ''}{option}{' ' + argument if argument else ''}")
    assert sorted(heads) == sorted(expected)


def test_synopsis_has_every_option(page, options):
    synopsis = section(page, "SYNOPSIS")
    named = set(re.findall(r"--[a-z-]+", synopsis))
    assert named == set(options) - {"--verbose", "--quiet"}


def test_synopsis_says_what_goes_together(page, options, modes):
    """Tries each line of the synopsis with the tool: options that it lists are accepted with that
    mode, and all others are refused."""
    for line in plain(section(page, "SYNOPSIS")).strip().split("\n\n"):
        named = re.findall(r"--[a-z-]+", line)
        for mode in [o for o in named if o in modes or o == "--cgroup"][:2 if " | " in line else 1]:
            for option in set(options) - set(modes) - {mode, "--verbose", "--quiet"}:
                refused = "does not go with" in tool(*call(mode, options), *call(option, options)).stderr
                assert refused == (option not in named), f"{mode} {option}: {line}"


def test_page_names_every_pin(page):
    files = plain(section(page, "FILES"))
    for pin in re.findall(r'#define MMA_PIN_(?:PORTS|CGROUPS|DEPARTED|PATHS|NETNS|STATS|META|LINKS|PROGS) "(\w+)"',
                          text("include/pin_names.h")):
        assert re.search(rf"\b{pin}\b", files), pin


def test_page_has_every_exit_code(page):
    codes = set(re.findall(r"MMA_EXIT_\w+ = (\d)", text("loader/report.h")))
    assert codes and codes == set(re.findall(r"^\*(\d)\*$", section(page, "EXIT STATUS"), re.M))


def test_page_has_the_default_ports(page):
    array = re.search(r"mail\[\] = \{\s*([\d,\s]+)\}", text("loader/ports.c"), re.S).group(1)
    default = re.findall(r"\d+", array)
    described = re.search(r"default list is added: (.*?)for listening", page, re.S).group(1)
    assert re.findall(r"\d+", described) == default


def test_page_has_the_drop_in(page):
    line = re.search(r"^ExecStartPre=.*$", page, re.M).group()
    assert line == re.search(r"^ExecStartPre=.*$", text("dist/examples/postfix.service.d/zz-mptcp-mail-attach.conf"),
                             re.M).group()


def test_page_renders():
    page = subprocess.run("scdoc | man --warnings -l - >/dev/null", shell=True, text=True, capture_output=True,
                          input=text("man/mptcp-mail-attach.8.scd"), check=False)
    if page.returncode == 127:
        pytest.skip("no man(1)")
    assert page.returncode == 0 and not page.stderr


# The completion

def complete(line, **files):
    """What bash offers to complete line. files: output that replaces commands."""
    words = re.split(r"(?<=[=:@])|(?=[=:@])|\s+", line)
    script = "".join(f"{name}() {{ cat <<'EOF'\n{out}\nEOF\n}}\n" for name, out in files.items()) + f"""
        compopt() {{ :; }}
        . '{REPO}/dist/mptcp-mail-attach.bash'
        COMP_LINE=$1 COMP_POINT=${{#1}}
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _mptcp_mail_attach
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    got = subprocess.run(["bash", "-c", script, "bash", line, *words], capture_output=True, text=True,
                         check=True, timeout=20)
    assert not got.stderr
    return [w for w in got.stdout.split("\n") if w]


def test_completion_knows_every_option(options, modes):
    offered = set(complete("mptcp-mail-attach "))
    for mode in [*modes, "--cgroup"]:
        offered |= set(complete(f"mptcp-mail-attach {' '.join(call(mode, options))} -"))
    assert offered == set(options) | {letter for letter, _ in options.values() if letter}


def test_completion_offers_what_goes_together(options, modes):
    for mode, option in itertools.product([*modes, "--cgroup"], options):
        if option in modes or option == mode:
            continue
        offered = option in complete(f"mptcp-mail-attach {' '.join(call(mode, options))} -")
        refused = "does not go with" in tool(*call(mode, options), *call(option, options)).stderr
        if mode in ("--help", "--version") and option in ("--verbose", "--quiet"):
            continue
        assert offered != refused, f"{mode} {option}"


def test_completion_of_values():
    units = "nginx.service enabled\npostfix@.service disabled\npostfix.service enabled\ndovecot.socket disabled"
    assert complete("mptcp-mail-attach --port 25,imap") == ["25,imap2", "25,imaps"]
    assert complete("mptcp-mail-attach --port=25,imap") == ["25,imap2", "25,imaps"]
    assert complete("mptcp-mail-attach --deny 25/") == ["25/listen", "25/connect"]
    assert complete("mptcp-mail-attach --allow imaps,25/c") == ["imaps,25/connect"]
    assert complete("mptcp-mail-attach --enable p", systemctl=units) == ["postfix.service", "postfix@.service"]
    assert complete("mptcp-mail-attach --enable nginx.service d", systemctl=units) == ["dovecot.socket"]
    assert complete("mptcp-mail-attach --enable postfix@", systemctl=units) == [".service"]
    assert complete("mptcp-mail-attach --enable postfix --n", systemctl=units) == ["--no-repair", "--now"]
    assert complete("mptcp-mail-attach --enable postfix --port smtp") == ["smtp"]


def test_completion_of_cgroups(tmp_path):
    (tmp_path / "system.slice/postfix.service").mkdir(parents=True)
    (tmp_path / "system.slice/cgroup.procs").touch()
    stand_in = {"findmnt": str(tmp_path)}
    assert complete("mptcp-mail-attach --cgroup s", **stand_in) == ["self", "system.slice/"]
    assert complete("mptcp-mail-attach --cgroup system.slice/", **stand_in) == ["system.slice/postfix.service"]
    assert complete(f"mptcp-mail-attach --detach --cgroup {tmp_path}/sys") == [f"{tmp_path}/system.slice/"]


# Installed files, and versions

def test_install_and_uninstall(tmp_path):
    def make(goal):
        subprocess.run(["make", "-s", "-o", "build/mptcp-mail-attach", goal, f"DESTDIR={tmp_path}", "PREFIX=/opt/x y"],
                       cwd=REPO, check=True, capture_output=True)
        return sorted(os.path.relpath(os.path.join(d, f), f"{tmp_path}/opt/x y")
                      for d, _, files in os.walk(tmp_path) for f in files)
    names = make("install")
    # Other programs look for them there, whatever the prefix.
    elsewhere = [os.path.relpath(f"{tmp_path}/{name}", f"{tmp_path}/opt/x y") for name in (
        "etc/mptcp-mail-attach/runtime", "usr/share/containers/oci/hooks.d/50-mptcp-mail-attach.json")]
    assert names[:2] == elsewhere
    names = names[2:]
    for name in elsewhere:
        with open(f"{tmp_path}/opt/x y/{name}") as f:
            assert "/opt/x y/libexec/mptcp-mail-attach/hook" in f.read(), name
    assert names.pop(names.index("libexec/mptcp-mail-attach/hook"))
    assert names[:2] == ["lib/systemd/system/mptcp-mail-attach-refresh.service",
                         "lib/udev/rules.d/90-mptcp-mail-attach.rules"]
    assert {"sbin/mptcp-mail-attach", "share/man/man8/mptcp-mail-attach.8",
            "share/bash-completion/completions/mptcp-mail-attach"} <= set(names)
    examples = [n for n in names if "/examples/" in n]
    shipped = {os.path.relpath(os.path.join(d, f), REPO): os.path.join(d, f)
               for d, _, files in os.walk(f"{REPO}/dist/examples") for f in files}
    assert {n.split("/examples/")[1] for n in examples} == {n.split("/examples/")[1] for n in shipped}
    calling = [n for n, path in shipped.items() if "/usr/sbin/mptcp-mail-attach" in text(path[len(REPO) + 1:])]
    assert len(calling) >= 8
    for name in [names[0], *(f"share/doc/mptcp-mail-attach/{n[len('dist/'):]}" for n in calling)]:
        with open(f"{tmp_path}/opt/x y/{name}") as f:
            assert "/opt/x y/sbin/mptcp-mail-attach " in f.read(), name
    assert make("uninstall") == []


def test_one_version():
    version = text("VERSION").strip()
    assert tool("--version").stdout == f"mptcp-mail-attach {version}\n"
    newest, *older = re.findall(r"^## ([^\s,]+)", text("CHANGELOG.md"), re.M)
    assert (older[0] if newest == "Unreleased" else newest) == version
    assert re.match(rf"mptcp-mail-attach \({re.escape(version)}([+~-]\S*)?\) ", text("debian/changelog"))
    assert re.search(rf"^Version:\t{re.escape(version)}$.*^%changelog\n\* .* - {re.escape(version)}-1$",
                     text("packaging/rpm/mptcp-mail-attach.spec"), re.M | re.S)


def test_readme_has_the_measured_figures():
    """Those of more than one path, as make figures left them."""
    with open(f"{REPO}/docs/figures/paths.json") as f:
        figures = json.load(f)
    told = re.search(r"The longest stall was ([\d.]+) s where .* and ([\d.]+) s where .* Two paths carried\s"
                     r"([\d.]+) times", text("README.md"), re.S)
    measured = (statistics.median(figures["stalls_cut_silently"]), statistics.median(figures["stalls_cut_by_link_down"]),
                figures["two_to_one"])
    assert [float(n) for n in told.groups()] == [round(n, 1) for n in measured]


def test_readme_has_the_figures_of_nginx():
    figures = json.loads(text("docs/figures/nginx.json"))
    told = re.search(r"on the wire, ([\d.]+)\s+times the throughput by two paths, and medians of (\d) stalls of ([\d.]+) s",
                     text("README.md"))
    native, attached = figures["multipath"], figures["attached"]
    stalls = {round(statistics.median(f["stalls_cut_silently"]), 1) for f in (native, attached)}
    assert native["syn_ack"] == attached["syn_ack"]
    assert float(told[1]) == round(statistics.median(attached["mbit"]) / statistics.median(native["mbit"]), 2)
    assert int(told[2]) == len(native["stalls_cut_silently"]) and {float(told[3])} == stalls


def test_servers_that_the_readme_names_were_tried():
    """On two kernels, and nothing failed."""
    table = text("docs/servers.md")
    told = re.search(r"## Mail servers\n\n([^.]*?), as Debian 13 has them", text("README.md"))[1]
    for server in re.split(r", | and ", told.replace("\n", " ")):
        sections = re.findall(rf"^## [^\n]*{server}.*?(?=^## |\Z)", table, re.S | re.M | re.I)
        assert any("\n| log | 1 of 1 | 1 of 1 |\n" in section for section in sections), server
    assert "FAILED" not in table


def test_security_names_every_program():
    programs = set()
    for path in glob.glob(f"{REPO}/bpf/*.bpf.c"):
        with open(path, encoding="utf-8") as f:
            programs |= set(re.findall(r'^SEC\("(?!license|\.maps).*\nint (?:BPF_PROG\()?(\w+)', f.read(), re.M))
    assert len(programs) > 12
    assert programs - set(re.findall(r"`(\w+)`", text("SECURITY.md"))) == set()


def test_dist(tmp_path):
    """make dist packs everything that is committed, and the package is built from that."""
    if not shutil.which("git"):
        pytest.skip("no git")
    listed = subprocess.run(["git", "ls-tree", "-r", "--name-only", "-z", "HEAD"], cwd=REPO, check=False,
                            capture_output=True, text=True)
    if listed.returncode:
        pytest.skip(f"nothing to pack: {listed.stderr}")
    subprocess.run(["make", "-s", "dist", f"BUILD={tmp_path}"], cwd=REPO, check=True, capture_output=True)
    version = text("VERSION").strip()
    with tarfile.open(f"{tmp_path}/mptcp-mail-attach-{version}.tar.gz") as tar:
        packed = sorted(m.name for m in tar if not m.isdir())
    assert packed == sorted(f"mptcp-mail-attach-{version}/{name}" for name in listed.stdout.split("\0")[:-1])
