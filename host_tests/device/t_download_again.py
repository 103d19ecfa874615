# What a try that failed leaves to the next: damage is counted once, the ring goes. MIT licence.

from alink import errors, parts
from alink.errors import AlinkError
from alink.job.fetch import Download
from download_fakes import BODY, Flash, Kept, Source, file, run


class Watched(Source):
    """Keeps whether the Download had a ring when it was asked to open."""

    def open(self, *args):
        self.held.append(self._into.ring is not None)
        return super().open(*args)


def test_a_look_up_has_the_memory_of_the_ring_at_each_try_and_for_a_fresh_link():
    source = Watched(("cut", 5000), errors.EXPIRED, ("cut", 9000), errors.LINK, errors.EXPIRED)
    source.held = []
    assert run(source) == BODY
    assert len(source.held) > 5 and not any(source.held), source.held


class Own(Source):
    """An application's, which has names of its own."""

    def download(self, what):
        return what

    def open(self, *args):
        assert self.download(1) == 1
        return super().open(*args)


def test_a_source_of_an_application_keeps_what_it_calls_download():
    source = Own()
    assert run(source) == BODY
    assert source.download(2) == 2


class Odd(Source):
    """Its last bytes before it breaks are not vouched for, and stay so for all it says."""

    def readinto(self, chunk, n):
        if self.cut is not None and self.at + n > self.cut:
            k = self.cut - self.at
            if k <= 0:
                self.unvouched = 1300
                raise AlinkError(errors.BLOCK, "CRC")
            n = k
        return super().readinto(chunk, n)


def test_damage_is_counted_once_however_often_it_cannot_be_opened_again():
    for cut in (1500, 4096 + 1024 + 600):
        source = Odd(("cut", cut), errors.LINK, errors.LINK, errors.LINK, errors.LINK)
        target = Flash()
        one = Download(Kept(), {"retry_min_ms": 1, "retry_max_ms": 4, "tries": 8})
        parts.ask("job.checkpoint", "start", one, file(), "key", source, target)
        while not one.step():
            assert one.offset >= 0 and one.recall % 4096 == 0, (cut, one.offset, one.recall)
        assert target.begun == 1, (cut, target.begun)


class Damaged(Source):
    """The last 500 bytes before it breaks are wrong, and it says so."""

    def readinto(self, chunk, n):
        if self.cut is not None and self.at + n > self.cut:
            self.unvouched = 500
            raise AlinkError(errors.BLOCK, "CRC")
        self.unvouched = 0
        n = super().readinto(chunk, n)
        if self.cut is not None and self.at == self.cut:
            for i in range(n - 500, n):
                chunk[i] = 0
        return n


def test_a_block_of_which_a_part_is_damaged_is_fetched_again_whole():
    for cut in (4096, 2 * 4096):
        source = Damaged(("cut", cut))
        target = Flash()
        run(source, target)
        assert b"".join([target.kept[at] for at in sorted(target.kept)]) == BODY
        assert source.opened == [0, cut - 4096], source.opened
