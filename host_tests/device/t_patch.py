# What moves of a difference: its operations make the new image out of the one that runs. MIT
# licence.

from package_fakes import Partition, errors, fill, loading, moving, refused, through, without_heap
from package_maker import ADD, COPY, INSERT, SEEK, difference, head, op, stream

SOURCE = bytes((i * 17 + (i >> 8) * 3) & 255 for i in range(20000))


def made(image, *ops, gives=1024, source=SOURCE):
    """What the slot holds after a difference with these operations (bytes)."""
    fill(0, source)
    fill(1, b"")
    return through(loading(difference(image, source, *ops), gives=gives))


def why(size, operations, source=SOURCE):
    """What is wrong with these operations (bytes), for an image of `size` bytes."""
    fill(0, source)
    fill(1, b"")
    e = refused(loading(head(bytes(size), source) + stream(operations)))
    assert e.code == errors.PACKAGE, e
    assert Partition.written <= (size - 1) // 4096, "a last block that is not known to be right"
    return e.detail


def test_the_smallest_example_of_the_format_makes_what_it_says():
    image = b"abcdefghijkl"
    ops = (op(COPY, 11), op(ADD, 1, b"\x14"))
    assert b"".join(ops) == b"\x2c\x05\x14"
    assert made(image, *ops, source=b"abcdefghijkX") == image


def test_each_operation_at_each_boundary_of_a_piece_and_of_a_block_makes_its_bytes():
    for n in (1, 255, 256, 257, 512, 4095, 4096, 4097, 9000):
        for k in (1, 255, 256, 257, 4096):
            added = bytes((SOURCE[n + i] + 5) & 255 for i in range(k))
            image = SOURCE[:n] + added + b"new" + SOURCE[100 : 100 + k]
            ops = (
                op(COPY, n),
                op(ADD, k, b"\x05" * k),
                op(INSERT, 3, b"new"),
                op(SEEK, 100 - n - k),
                op(COPY, k),
            )
            assert made(image, *ops) == image, (n, k)


def test_a_difference_that_arrives_in_crumbs_makes_the_same():
    image = SOURCE[:5000] + b"!" * 300 + SOURCE[5000:6000]
    ops = (op(COPY, 5000), op(INSERT, 300, b"!" * 300), op(COPY, 1000))
    for gives in (3, 256):
        assert made(image, *ops, gives=gives) == image
    # And one that is nothing but numbers, or but data.
    fill(0, SOURCE)
    for image, ops in (
        (SOURCE[:3000], op(COPY, 1) * 3000),
        (SOURCE[:8000], op(INSERT, 8000, SOURCE[:8000])),
        (SOURCE[:8000], op(ADD, 8000, bytes(8000))),
    ):
        for gives in (3, 100):
            fill(1, b"")
            one = loading(difference(image, SOURCE, ops), gives=gives)
            one.source.dry = True
            assert through(one) == image, gives


def test_the_last_bytes_of_the_flash_partition_can_be_copied():
    # A whole piece read there would leave the partition.
    source = bytes((i * 29 + (i >> 8)) & 255 for i in range(Partition.SIZE))
    for n in (1, 100, 256, 300):
        image = source[-n:]
        assert made(image, op(SEEK, len(source) - n), op(COPY, n), source=source) == image, n
        image = bytes((byte + 1) & 255 for byte in image)
        ops = (op(SEEK, len(source) - n), op(ADD, n, b"\x01" * n))
        assert made(image, *ops, source=source) == image, n


def test_the_place_in_the_source_may_be_its_end_and_no_further():
    end = len(SOURCE)
    image = b"x" * 300
    assert made(image, op(SEEK, end), op(INSERT, 300, image)) == image
    for operations in (op(SEEK, end + 1), op(SEEK, -1), op(SEEK, 1 << 26), op(SEEK, -(1 << 27))):
        assert why(300, operations + op(INSERT, 300, image)) == "it leaves its source"


def test_nothing_outside_the_source_gets_into_an_image():
    # Behind it in the slot stand things that nobody has looked at.
    end = len(SOURCE)
    for kind, data in ((COPY, b""), (ADD, b"\0" * 101)):
        for operations in (
            op(SEEK, end - 100) + op(kind, 101, data),
            op(SEEK, end) + op(kind, 1, data[:1]),
            op(COPY, end) + op(kind, 1, data[:1]),
        ):
            assert why(30000, operations) == "it leaves its source", operations


def test_no_operation_makes_an_image_longer_than_its_head_says():
    for kind in (COPY, ADD, INSERT):
        for had in (b"", op(COPY, 4097), op(COPY, 4999)):
            n = 5001 - (len(had) and (had[0] >> 2 & 31 | had[1] << 5))
            assert why(5000, had + op(kind, n) + bytes(n)) == "it goes on behind its image", n


def test_an_operation_that_never_ends_as_a_number_is_refused():
    for digits in (b"\xff" * 6, b"\x80\x80\x80\x80\x04", b"\x80\x80\x80\x80\x80\x00"):
        assert why(5000, digits + bytes(100)) == "a number", digits


def test_operations_on_nothing_do_not_keep_a_board_busy():
    for kind in (COPY, ADD, INSERT):
        assert why(5000, op(kind, 0) * 20) == "an operation on nothing"
    moves = op(SEEK, 0) * 16
    assert made(b"x", moves, op(INSERT, 1, b"x"), source=b"y") == b"x"
    assert why(1, moves + op(SEEK, 0) + op(INSERT, 1, b"x")).startswith("it moves")


def test_operations_that_end_early_leave_the_old_image_alone():
    for operations in (
        b"",
        b"\x80",
        op(COPY, 4999),
        op(COPY, 4000) + op(INSERT, 1000, b"x" * 999),
    ):
        assert why(5000, operations) == "it ends before its image"


def test_an_operation_behind_the_last_byte_is_not_passed_over():
    assert why(5000, op(COPY, 5000) + op(SEEK, 0)) == "it goes on behind its image"


def test_many_tiny_operations_are_shared_out_over_many_turns_of_the_main_loop():
    ops = b"".join(op(INSERT, 1, b"x") for _ in range(2000))
    fill(0, SOURCE)
    fill(1, b"")
    one = loading(head(b"x" * 2000, SOURCE) + stream(ops))
    while one.packed is None or one.early != "job.unpack":
        one.step()
    turns = filled = 0
    while one.state == 9:
        one.step()
        turns += 1
        assert one.packed.filled - filled <= 256, "more than a turn's share"
        filled = one.packed.filled
    assert turns > 10
    assert through(one) == b"x" * 2000


def test_flash_that_cannot_be_read_is_not_the_packages_fault():
    fill(0, SOURCE)
    fill(1, b"")
    one = moving(difference(SOURCE, SOURCE, op(COPY, len(SOURCE))))

    class Worn:
        def readblocks(self, *args):
            raise OSError(5)

    one.packed.mine = Worn()
    e = refused(one)
    assert e.code == errors.FLASH and "reading what runs" in e.detail, e


def test_no_operation_costs_heap():
    # Each kind, over the boundaries of pieces and blocks, and the partition's last bytes.
    source = bytes((i * 29 + (i >> 8)) & 255 for i in range(Partition.SIZE))
    ops = []
    image = b""
    for i in range(4):
        ops += [op(COPY, 5000), op(ADD, 700, b"\x01" * 700), op(INSERT, 300, b"n" * 300)]
        image += source[i * 6000 : i * 6000 + 5000]
        image += bytes((byte + 1) & 255 for byte in source[i * 6000 + 5000 : i * 6000 + 5700])
        image += b"n" * 300
        ops.append(op(SEEK, 300))
    ops += [op(SEEK, len(source) - 24100), op(COPY, 100), op(INSERT, 5000, b"e" * 5000)]
    image += source[-100:] + b"e" * 5000
    fill(0, source)
    fill(1, b"")
    one = moving(difference(image, source, *ops), gives=700)
    without_heap(one, 7)
    assert through(one) == image
