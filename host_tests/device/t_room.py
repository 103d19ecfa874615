# Room beside a package: nothing that fails while it is made costs more than it must. MIT licence.

from package_fakes import AlinkError, Partition, Source, errors, fill, parts, through
from package_maker import compressed
from room_fakes import begun, first_half, free, second_half, states

IMAGE = bytes((i * 31 + (i >> 8) * 7) & 255 for i in range(14000))


def test_an_offer_in_a_pause_before_the_first_block_is_whole_lets_it_go_on_at_full_speed():
    fill(1, b"")
    one = begun(compressed(IMAGE), tries=8, retry_min_ms=2000, retry_max_ms=60000)
    first_half(one)
    one.source.broken = AlinkError(errors.TIMEOUT, "no reply")  # as MqttSource
    assert not one.step()
    assert one.waits == "pause" and one.state == 3
    one.source.broken = None
    free(one)
    one.step()
    while not one.step():
        assert one.state < 7 or not one.waits, "it moves, and says that it waits: %r" % one.waits
    assert bytes(Partition.slots[1][:4096]) == IMAGE[:4096]


def test_a_package_that_finds_no_slot_when_it_begins_again_says_so():
    fill(1, b"")
    one = begun(compressed(IMAGE), tries=3)
    first_half(one)
    Partition.broken = "get_next_update"
    one.source.broken = OSError(104)
    try:
        try:
            one.step()
        except AlinkError as e:
            assert e.code == errors.NO_SLOT, e
            return
    finally:
        Partition.broken = ""
        one.source.broken = None
    try:
        through(one)
    except AlinkError as e:
        assert e.code == errors.NO_SLOT, e


def test_flash_that_cannot_be_read_once_costs_bytes_not_vouched_for_a_new_beginning_at_most():
    fill(1, b"")
    one = begun(compressed(IMAGE), tries=3)
    second_half(one)
    one.source.unvouched = 1000  # over MQTT, in the middle of a block
    free(one)
    assert one.block is None
    Partition.broken = "readblocks"
    try:
        one.step()
    finally:
        Partition.broken = ""
    Partition.written = 0
    assert through(one) == IMAGE


def test_offers_on_a_link_that_stands_still_do_not_wear_the_flash():
    fill(1, b"")
    one = begun(compressed(IMAGE), tries=3)
    second_half(one)
    one.source.until = one.source.at
    written = Partition.written
    for _ in range(10):
        free(one)
        one.step()
    assert Partition.written - written <= 1, Partition.written - written
    one.source.until = len(one.source.body)
    assert through(one) == IMAGE


def failing(call, left, error):
    """`call` (callable), which raises `error` when left[0] is 0; it is counted down."""

    def counted(*args):
        left[0] -= 1
        if left[0] == -1:
            raise error
        return call(*args)

    return counted


def test_memory_that_is_gone_for_any_part_while_room_is_made_costs_nothing():
    use = parts.use
    ask = parts.ask
    for number, make in enumerate(states(compressed(IMAGE))):
        left = [0]
        n = 2  # (0 and 1 are room.py itself)
        while left[0] < 0 or n == 2:
            one = make()
            left[0] = n
            parts.use = failing(use, left, MemoryError())
            parts.ask = failing(ask, left, MemoryError())
            try:
                free(one)
            except MemoryError:
                pass  # Updater.poll() takes it, and the run goes on
            finally:
                parts.use = use
                parts.ask = ask
            assert through(one) == IMAGE, (number, n)
            n += 1


def faults_anywhere(name, calls, act):
    """Flash fails at the n-th call of `name` in act(one) and what follows: image or FLASH."""
    plain = getattr(Partition, name)
    for number, make in enumerate(states(compressed(IMAGE))):
        for n in range(calls):
            one = make()
            setattr(Partition, name, failing(plain, [n], OSError(5)))
            try:
                act(one)
                assert through(one) == IMAGE, (number, n)
            except AlinkError as e:
                assert e.code in (errors.FLASH, errors.NO_SLOT), (number, n, e)
            finally:
                setattr(Partition, name, plain)


def freed(one):
    free(one)
    one.step()
    free(one)


def cut(one):
    one.source.broken = OSError(104)
    try:
        one.step()
    finally:
        one.source.broken = None
    free(one)


def test_flash_that_fails_at_any_write_beside_an_offer_is_named_or_mended():
    faults_anywhere("writeblocks", 6, freed)
    faults_anywhere("writeblocks", 6, cut)


def test_flash_that_fails_at_any_read_beside_an_offer_is_named_or_mended():
    faults_anywhere("readblocks", 12, freed)
    faults_anywhere("readblocks", 12, cut)


def test_a_slot_that_is_not_found_beside_an_offer_is_named():
    faults_anywhere("get_next_update", 3, freed)
    faults_anywhere("get_next_update", 3, cut)


class Bare(Source):
    """A source of an application's own that has no settings, and makes its attributes itself."""

    config = block = stream = None

    def __init__(self, body):
        self.body = body
        self.gives = 1024
        self.at = 0
        self.until = len(body)
        self.opened = []


def test_a_source_of_the_applications_own_without_settings_is_taken():
    fill(1, b"")
    body = compressed(IMAGE)
    assert through(begun(body, Bare(body))) == IMAGE
