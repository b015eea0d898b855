# SPDX-License-Identifier: GPL-2.0-only
"""The demo, inside the guest. $BREAK: what to break; $OUT: where results go."""

import os
import subprocess
import sys

import acts
import capture
import checks
import claims
import kernel
import mail


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    broken = os.environ.get("BREAK", "")
    subprocess.run(["sh", f"{here}/setup.sh"], check=True)
    mail.set_up_network()
    with mail.in_client():
        checks.wire = capture.Capture("net")
    acts.start()
    baseline = kernel.bpf_objects()
    acts.before()
    acts.attach(broken)
    acts.mptcp_client()
    acts.tcp_client()
    acts.allowlist()
    acts.bystander()
    acts.switched_off()
    acts.two_paths()
    acts.detach(baseline)
    checks.wire.stop()

    with open(f"{os.environ['OUT']}/claims", "w", encoding="utf-8") as f:
        f.writelines(f"{'PASS' if held else 'FAIL'} {ident}\n" for ident, held, _ in claims.results)
    failed = sum(not held for _, held, _ in claims.results)
    claims.say()
    claims.say(f"{len(claims.results)} claims: {len(claims.results) - failed} PASS, {failed} FAIL")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
