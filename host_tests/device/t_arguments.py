# The arguments of an Updater: one that cannot work is refused at the desk, and not on a roof. MIT
# licence.

from alink.after_reset.arguments import checked


def refused(kind=ValueError, version="1.0.0", **given):
    """What is said of it, str."""
    try:
        checked(version, given)
    except kind as e:
        return str(e)
    raise AssertionError("taken: %r %r" % (version, given))


def test_a_version_that_the_platform_never_takes_is_no_version():
    for version in ("", "1.0 beta", "1/0", "x" * 65, 5, None, "1.0\n"):
        assert "version" in refused(version=version)
    for version in ("1", "1.0.0-rc_1", "x" * 64):
        checked(version, {})


def test_times_and_counts_that_cannot_be_are_refused():
    for name in ("max_attempts", "retry_trial_ms", "prove_ms"):
        for wrong in (-1, "5", 1.5, None):
            assert name in refused(**{name: wrong}), wrong
    assert "5 minutes" in refused(prove_ms=300001), "longer than its trial"
    limits = {"max_attempts": 0, "retry_trial_ms": 0, "prove_ms": 300000}
    assert checked("1.0.0", limits)[0][8:] == [0, 0, 300000]


def test_a_way_that_is_none_is_refused():
    for wrong in ("", "Beside", "in_turn", 1, True):
        assert "way" in refused(way=wrong)
    for way in (None, "beside", "in turn", "alone"):
        assert checked("1.0.0", {"way": way})[0][5] == way


def test_settings_of_a_download_are_looked_at_before_there_is_one():
    assert "block_size" in refused(block_size=5000)
    assert "no trys" in refused(TypeError, fetch={"trys": 3})
    fetch = {"tries": 3}
    options, _ = checked("1.0.0", {"block_size": 8192, "fetch": fetch})
    assert options[4:7] == [8192, None, fetch]


def test_each_hook_is_the_one_that_it_was_given_as():
    hooks = {}
    names = ("on_job", "on_progress", "on_state", "self_test", "before_reset", "feed")
    for name in names:
        hooks[name] = lambda name=name: name
        assert "hook" in refused(**{name: name})
    _, got = checked("1.0.0", hooks)
    assert [(name, hook()) for name, hook in got] == [(name, name) for name in names]


def test_a_key_is_looked_at_when_the_updater_is_made():
    for wrong in (5, True, [], b"no key", "-----BEGIN"):
        assert refused(sign_key=wrong)


def test_an_argument_that_does_not_exist_is_not_passed_over():
    refused(TypeError, on_jobs=print)


def test_unasked_no_link_without_tls_is_taken_and_a_trial_has_its_minute():
    options, hooks = checked("1.0.0", {})
    assert options == [None, None, None, False, 4096, None, None, None, 3, 600000, 60000]
    assert [hook for _, hook in hooks] == [None] * 6
