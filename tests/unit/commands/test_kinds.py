import pytest

from nbcontainer.commands import kinds
from tests.fakes import FakeEngine


@pytest.mark.parametrize("text", ["1", "t", "TRUE", "true", "True"])
def test_true_is_written_as_in_go(text):
    assert kinds.BOOL.check(text) is True


@pytest.mark.parametrize("text", ["yes", "on", "", "tRUE"])
def test_other_words_are_no_truth(text):
    with pytest.raises(ValueError, match="invalid syntax"):
        kinds.BOOL.check(text)


@pytest.mark.parametrize("text", ["", "1.5", "1e3", "٣", "0x10", "--1"])
def test_what_is_no_whole_number_is_refused(text):
    with pytest.raises(ValueError, match="invalid syntax"):
        kinds.INT.check(text)


def test_a_size_stays_as_typed_once_it_is_one():
    assert kinds.BYTES.check("64m") == "64m"
    with pytest.raises(ValueError):
        kinds.BYTES.check("64 apples")


def test_durations_and_decimals_are_checked():
    assert kinds.DURATION.check("1m30s") == "1m30s"
    assert kinds.DECIMAL.check("1.5") == "1.5"
    for kind in (kinds.DURATION, kinds.DECIMAL):
        with pytest.raises(ValueError):
            kind.check("soon")


def test_a_filter_has_a_name_and_a_value():
    assert kinds.FILTER.check("name=web") == "name=web"
    with pytest.raises(ValueError, match="name=value"):
        kinds.FILTER.check("web")


def test_a_list_starts_empty_and_is_not_shared():
    assert kinds.LIST.zero() == []
    assert kinds.LIST.zero() is not kinds.LIST.zero()


def test_names_are_proposed_from_the_engine():
    engine = FakeEngine()
    assert list(kinds.CONTAINER.complete(engine, "")) == ["web", "old-db"]
    assert list(kinds.RUNNING.complete(engine, "")) == ["web"]
    assert list(kinds.VOLUME.complete(engine, "")) == ["data"]
    images = set(kinds.IMAGE.complete(engine, ""))
    assert images == {"toolbox", "python", "nginx", "hello-world", "me/web:v2", "a3"}
    assert "toolbox:latest" in kinds.IMAGE.complete(engine, "toolbox:")
    assert set(kinds.OBJECT.complete(engine, "")) >= {"web", "toolbox", "data"}


def test_paths_are_proposed_below_the_folder_that_is_typed(tmp_path):
    (tmp_path / "cell.txt").touch()
    (tmp_path / "sub").mkdir()
    found = sorted(kinds.PATH.complete(None, f"{tmp_path}/c"))
    assert found == [f"{tmp_path}/cell.txt", f"{tmp_path}/sub/"]
    assert kinds.PATH.complete(None, f"{tmp_path}/missing/x") == []
