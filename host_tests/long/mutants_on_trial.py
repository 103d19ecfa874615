"""Guards of a trial, and of an update that has no memory left: see mutate.py."""

from __future__ import annotations

from host_tests.long.mutants import Mutant

ON_TRIAL = (
    Mutant(
        "a greeting of an image on trial that has not passed",
        "micropython/alink/updater.py",
        "            and (after is None or after.passes())\n",
        "",
        "host_tests/update/test_proof.py -k crashes_once",
    ),
    Mutant(
        "what a trial does not need while it waits is let go",
        "micropython/alink/updater.py",
        "            if self.after is None or trial.running():\n",
        "            if self.after is None:\n",
        "host_tests/update/test_proof.py -k idle",
    ),
    Mutant(
        "the greeting is over before a trial is confirmed",
        "micropython/alink/hello.py",
        "        if up.run is not None or trial.running():\n",
        "        if up.run is not None:\n",
        "host_tests/update/test_proof.py -k idle",
    ),
    Mutant(
        "a confirmation short of memory goes on where it was",
        "micropython/alink/after_reset/standing.py",
        "            self._report = _CONFIRMED\n            parts",
        "            parts",
        "host_tests/device/t_after_reset.py",
    ),
    Mutant(
        "an update that cannot even end for want of memory leaves the application out",
        "micropython/alink/job/ending.py",
        '        parts.ask("starts", "starved", run.up.error)\n',
        "        pass\n",
        "host_tests/device/t_run_end.py",
    ),
    Mutant(
        "a trial that has told its version is confirmed before it is tried again",
        "micropython/alink/after_reset/proving.py",
        "        if self._told or not trial.running():\n",
        "        if not trial.running():\n",
        "host_tests/device/t_proving.py",
    ),
    Mutant(
        "Python's heap does not grow for the block of an offer",
        "micropython/alink/job/inbox.py",
        ' and parts.ask("idf", "room")[2] >= _ROOM',
        "",
        "host_tests/device/t_inbox.py",
    ),
    Mutant(
        "a fall that was not told yet outlives a trial",
        "micropython/alink/after_reset/proving.py",
        'store.get_json("fell")',
        "None",
        "host_tests/device/t_proving.py",
    ),
    Mutant(
        "a growth of Python's heap leaves the link memory for a handshake",
        "micropython/alink/packets.py",
        "            parts.guard()\n",
        "            pass\n",
        "host_tests/update/test_memory.py -k grows",
    ),
    Mutant(
        "what is kept of the link's memory goes before a handshake",
        "micropython/alink/signin/connect.py",
        "        parts.release()\n",
        "        pass\n",
        "host_tests/device/t_start.py",
    ),
    Mutant(
        "an offer that there is no memory to receive does not keep every release away",
        "micropython/alink/job/inbox.py",
        "            raise MemoryError\n",
        "            return False\n",
        "host_tests/device/t_inbox.py",
    ),
    Mutant(
        "an offer that there is no memory to hold is not failed beside the application",
        "micropython/alink/job/inbox.py",
        " or (isinstance(payload, tuple) and payload[2] <= payload[3]):\n",
        ":\n",
        "host_tests/device/t_inbox.py",
    ),
    Mutant(
        "a run that ends without a download leaves what is kept of the link's memory",
        "micropython/alink/updater.py",
        "parts.reserve = parts.reserve or ()",
        "parts.reserve = ()",
        "host_tests/device/t_reserve.py",
    ),
    Mutant(
        "a run that ends gives back what its download had of the link's memory",
        "micropython/alink/updater.py",
        "            parts.guard()\n",
        "            pass\n",
        "host_tests/device/t_reserve.py",
    ),
    Mutant(
        "of pieces beside the largest one growths of Python's heap leave the link something",
        "micropython/alink/idf.py",
        " or (not parts.kept and free - largest > _REST)\n",
        "\n",
        "host_tests/device/t_reserve.py",
    ),
)
