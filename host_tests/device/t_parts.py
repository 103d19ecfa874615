# What is loaded for a while is gone afterwards. MIT licence.

import gc
import sys

from alink import parts


def alive():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()


def test_a_board_gets_the_memory_of_a_part_back_two_hundred_times():
    for name in ("advice", "record", "job.offer", "signin.credentials"):
        parts.use(name)
        parts.drop("advice", "record", "nvs", "versions", "job", "signin")
    least = most = alive()
    for _ in range(200):
        for name in ("advice", "record", "job.offer", "signin.credentials"):
            parts.use(name)
        parts.drop("advice", "record", "nvs", "versions", "job", "signin")
        now = alive()
        least = min(least, now)
        most = max(most, now)
    assert most - least < 512, (least, most)


def test_a_dropped_folder_is_out_of_sys_modules_and_of_its_package():
    import alink

    parts.use("job.offer")
    assert "alink.job.offer" in sys.modules
    parts.drop("job")
    assert not [name for name in sys.modules if name.startswith("alink.job")]
    assert "job" not in alink.__dict__


def test_a_folder_goes_with_the_last_part_in_it_and_stays_for_others():
    import alink

    parts.drop("job")
    first = parts.use("job.shown")
    parts.use("job.image_bad")
    parts.drop("job.image_bad")
    assert sys.modules["alink.job.shown"] is first and "job" in alink.__dict__
    parts.drop("job.shown")
    assert "alink.job" not in sys.modules and "job" not in alink.__dict__
    # One with code of its own is somebody's, whatever else is in it.
    advice = parts.use("advice")
    parts.use("advice.job")
    parts.drop("advice.job")
    assert sys.modules["alink.advice"] is advice and advice.row
    parts.drop("advice")


def test_what_the_application_has_taken_is_not_taken_away_from_it():
    from alink.journal import SETTINGS, Store

    parts.drop("nvs")
    assert "alink.nvs" in sys.modules
    assert SETTINGS == "alink"
    assert callable(Store)
    import alink.nvs

    assert alink.nvs.Store is Store


def test_a_question_to_a_part_that_is_loaded_leaves_it_loaded():
    advice = parts.use("advice")
    assert parts.ask("advice", "row", 5)[0] == "link"
    assert sys.modules["alink.advice"] is advice
    assert advice.row
    parts.drop("advice")
    assert parts.ask("advice", "row", 5)[0] == "link"
    assert "alink.advice" not in sys.modules


def test_what_an_application_imports_for_a_source_of_its_own_is_found_by_its_path_for_ever():
    import alink.job.download
    import alink.job.mqtt

    for name in ("job.shown", "job", ""):
        parts.use("job.shown")
        parts.drop(name)
        assert alink.job.download.Source is alink.job.http.HttpSource
        assert alink.job.mqtt.MqttSource
    parts.drop("job")
    assert "alink.job.shown" not in sys.modules
    for name in list(sys.modules):
        # As another test finds it.
        if name.startswith("alink.job."):
            sys.modules.pop(name).__dict__.clear()
    sys.modules.pop("alink.job")


def test_parts_are_found_after_the_application_has_gone_to_another_folder():
    import os

    here = os.getcwd()
    parts.drop("advice")
    os.chdir("/")
    try:
        assert parts.ask("advice", "row", 5)[0] == "link"
    finally:
        os.chdir(here)
