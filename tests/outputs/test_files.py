"""Files whole or not at all, names that never collide, and trouble said in one sentence."""

import errno

import pytest

from handful.errors import OutputError
from handful.files import whole_file
from handful.outputs.files import OutputFolder, file_names


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.png", "b.png"], ("a", "b")),
        (["a.png", "a.tif"], ("a_png", "a_tif")),
        (["one/a.png", "two/a.png"], ("one_a", "two_a")),
        (["A.png", "a.png"], ("A_png", "a_png_2")),
        (["a", "a", "a_2"], ("a", "a_3", "a_2")),
        (["cell.v2.tif"], ("cell.v2",)),
        (["a:b*.png", "../.."], ("a_b_", "image")),
    ],
)
def test_file_names(names, expected):
    assert file_names(names) == expected
    assert len({name.casefold() for name in expected}) == len(names)


def test_writing_makes_folders_and_leaves_only_the_file(tmp_path):
    folder = OutputFolder(tmp_path / "out" / "deep")
    assert folder.write("masks/a.png", b"1") == "masks/a.png"
    folder.write("b.txt", lambda stream: stream.write(b"2"))
    assert sorted(file.name for file in folder.path.rglob("*")) == ["a.png", "b.txt", "masks"]


def test_a_file_that_was_there_is_kept(tmp_path):
    (tmp_path / "a.png").write_bytes(b"old")
    folder = OutputFolder(tmp_path)
    folder.write("b.png", b"new")
    with pytest.raises(OutputError, match=r"a.png and 1 more: already there.*--overwrite"):
        OutputFolder(tmp_path).refuse_existing(["a.png", "b.png", "c.png"])
    with pytest.raises(OutputError, match="already there"):
        folder.write("a.png", b"new")
    assert (tmp_path / "a.png").read_bytes() == b"old"
    folder.write("b.png", b"newer")  # its own file
    OutputFolder(tmp_path, overwrite=True).write("a.png", b"new")
    assert (tmp_path / "a.png").read_bytes() == b"new"


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "a").write_bytes(b"old")

    def half(stream):
        stream.write(b"ne")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        OutputFolder(tmp_path, overwrite=True).write("a", half)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "permission denied")],
)
def test_trouble_with_the_disk_is_said_in_words(tmp_path, number, words):
    with pytest.raises(OutputError, match=words), whole_file(tmp_path / "a"):
        raise OSError(number, "whatever the system says")
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="file is in the way"):
        OutputFolder(tmp_path / "file")
    with pytest.raises(OutputError, match="file is in the way"):
        OutputFolder(tmp_path / "file" / "below")
    with pytest.raises(OutputError, match="file is in the way"):
        OutputFolder(tmp_path).write("file/a.png", b"")


def test_a_folder_in_the_way(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match="folder is in the way"):
        OutputFolder(tmp_path, overwrite=True).write("a", b"")
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_cannot_be_written_is_refused_at_once(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr("pathlib.Path.write_bytes", refuse)
    with pytest.raises(OutputError, match="nothing can be written there: permission denied"):
        OutputFolder(tmp_path)


def test_a_name_too_long(tmp_path):
    with pytest.raises(OutputError, match="too long"):
        OutputFolder(tmp_path).write("a" * 300 + ".png", b"")


def test_folders_made_for_nothing_go_again(tmp_path):
    with pytest.raises(RuntimeError), OutputFolder(tmp_path / "a" / "b"):
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    with pytest.raises(OutputError), OutputFolder(tmp_path / "a" / "b") as folder:
        folder.write("masks/one.png", b"kept") and folder.write("masks", b"in the way")
    assert (tmp_path / "a" / "b" / "masks" / "one.png").read_bytes() == b"kept"


def test_a_folder_that_was_there_stays(tmp_path):
    with pytest.raises(RuntimeError), OutputFolder(tmp_path):
        raise RuntimeError
    assert tmp_path.is_dir()
