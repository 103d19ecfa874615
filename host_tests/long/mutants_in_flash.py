"""Guards of what is written to flash, and of what a package makes: see mutate.py."""

from __future__ import annotations

from host_tests.long.mutants import PACKED, PACKED_REFUSED, Mutant

IN_FLASH = (
    Mutant(
        "a block that is right already is left alone",
        "micropython/alink/job/slot.py",
        "                    return\n",
        "                    break\n",
        "host_tests/update/test_written.py",
    ),
    Mutant(
        "a block is compared to its end",
        "micropython/alink/job/slot.py",
        "                if i == _BLOCK:\n",
        "                if i == len(spare):\n",
        "host_tests/update/test_written.py",
    ),
    Mutant(
        "one block that is there already ends a row of others",
        "micropython/alink/job/slot.py",
        "                    self.row = 0\n",
        "                    self.row -= 1\n",
        "host_tests/update/test_written.py -k much_that_differs",
    ),
    Mutant(
        "a difference is to what runs",
        "micropython/alink/job/origin.py",
        "            if packed.found.digest() != packed.theirs[:32]:\n",
        "            if False:\n",
        PACKED_REFUSED + " -k another_release",
    ),
    Mutant(
        "a package makes the image that its head tells of",
        "micropython/alink/job/packed_last.py",
        "    if packed.found.digest() != packed.digest:\n",
        "    if False:\n",
        PACKED_REFUSED + " -k has_a_name",
    ),
    Mutant(
        "nothing is read behind the source of a difference",
        "micropython/alink/job/unpack.py",
        "        good = 0 < n <= room and (op == _INSERT or n <= packed.source - at)\n",
        "        good = 0 < n <= room\n",
        "host_tests/long/test_fuzz_short.py -k 'hostile_inputs and package'",
    ),
    Mutant(
        "nothing of a difference is made behind its image",
        "micropython/alink/job/unpack.py",
        "        good = 0 < n <= room and (op == _INSERT or n <= packed.source - at)\n",
        "        good = n and (op == _INSERT or n <= packed.source - at)\n",
        PACKED_REFUSED + " -k has_a_name",
    ),
    Mutant(
        "nothing stands behind a package's stream",
        "micropython/alink/job/packed_last.py",
        "        elif packed.ring.any() or more:\n",
        "        elif False:\n",
        PACKED_REFUSED + " -k has_a_name",
    ),
    Mutant(
        "where machine code is refused the sums are done in bytecode",
        "micropython/alink/job/packed.py",
        "    except (ImportError, ValueError, MemoryError) as e:\n",
        "    except ImportError as e:\n",
        PACKED + " -k machine_code",
    ),
)
