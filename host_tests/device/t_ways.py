# Beside, in turn or alone: which way fits into which memory. MIT licence.

from alink import idf
from alink.job.ways import pick

BESIDE, IN_TURN, ALONE = 1, 2, 3

TLS = 31400
SESSION = 25300
PLENTY = 1 << 29

# IDF free, largest piece, Python free, what signing off gives, what the download takes -> way
ROWS = (
    (PLENTY, PLENTY, PLENTY, SESSION, TLS, BESIDE),  # PSRAM
    (68900, 53248, 20000, SESSION, TLS, BESIDE),  # Python within its first 56 KB
    (68900, 53248, 8000, SESSION, TLS, IN_TURN),  # it would grow on the way
    (9600, 8000, 20000, SESSION, TLS, IN_TURN),  # an application of 60 KB: it has grown once
    (9600, 8000, 8000, SESSION, TLS, ALONE),
    (3000, 2000, 20000, SESSION, TLS, ALONE),
    (40000, 12000, 20000, SESSION, TLS, IN_TURN),  # no piece for a record of TLS
    (9600, 8000, 20000, 0, TLS, ALONE),  # a session without TLS gives little back
    (40000, 30000, 20000, 0, TLS, BESIDE),
    (9600, 8000, 20000, 0, 4000, BESIDE),  # http:// to a server of one's own
    (500, 300, 20000, SESSION, 0, BESIDE),  # over MQTT: the session is there already
)


def test_a_board_takes_the_first_way_that_fits():
    for free, largest, python, session, opening, way in ROWS:
        found = pick(free, largest, python, session, opening)
        assert found == way, (free, largest, python, session, opening, found)


def test_what_python_can_hold_without_growing_is_not_what_the_firmware_calls_free():
    class Gc:
        collected = 0

        def collect(self):
            self.collected += 1

        def mem_free(self):
            return 48000

    class Chip:
        platform = "esp32"

    class Desk:
        platform = "linux"

    plain = idf.gc, idf.sys, idf.spare
    idf.gc = fake = Gc()
    try:
        for system, found, room in (
            (Chip, (66000, 40000), 8000),
            (Chip, (9600, 48000), 0),
            (Chip, (9600, 49600), 0),  # a packet's buffer came back between both
            (Desk, (66000, 40000), PLENTY),  # its heap has one size
            (Chip, None, PLENTY),  # nothing tells
        ):
            idf.sys = system
            idf.spare = lambda found=found: found
            told = idf.room()
            assert told == (found or (PLENTY, PLENTY)) + (room,), (found, told)
        assert fake.collected == 4  # garbage is no reason for another way
    finally:
        idf.gc, idf.sys, idf.spare = plain
