import io
import struct
import zipfile
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.fetch import download
from pipelinedoctor.fetch.download import LOG_HEAD, LOG_TAIL, UnfitError, archive, log_text, xml_members


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return buffer.getvalue()


def contents(packed: bytes) -> dict[str, bytes]:
    return {member.name: member.stream.read() for member in xml_members(archive([packed]))}


def test_a_short_log_is_kept_whole() -> None:
    assert log_text([b"one\n", b"t\xc3", b"\xbcwo\n"]) == "one\ntüwo\n"
    assert log_text([]) == ""
    assert log_text([b"\xff"]) == "�"
    whole = b"x" * (LOG_HEAD + LOG_TAIL)
    assert log_text([whole]).encode() == whole


def test_of_a_long_log_the_ends_are_kept_and_the_rest_is_counted() -> None:
    size = LOG_HEAD + LOG_TAIL + 7
    chunks = [b"%7d" % number for number in range(size // 7)] + [b"x" * (size % 7)]
    whole = b"".join(chunks)
    text = log_text(chunks).encode()
    assert text == whole[:LOG_HEAD] + b"\n[7 bytes left out]\n" + whole[-LOG_TAIL:]


@given(st.lists(st.binary(max_size=30), max_size=20))
@settings(deadline=None)
def test_how_a_log_comes_in_chunks_does_not_matter(chunks: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download, "LOG_HEAD", 16)
        assert log_text(chunks, 32) == log_text([b"".join(chunks)], 32)


def test_a_log_or_archive_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "LOG_MOST", 10 * download.MIB)
    monkeypatch.setattr(download, "ARCHIVE_MOST", 10 * download.MIB)

    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(download.MIB)

    with pytest.raises(UnfitError, match="larger than 10 MiB"):
        log_text(endless())
    with pytest.raises(UnfitError, match="larger than 10 MiB"):
        archive(endless())


def test_xml_files_of_a_zip_come_by_name_and_others_do_not() -> None:
    packed = zipped(
        {"b/two.XML": b"<b/>", "a.txt": b"no", "a.xml": b"<a/>", "../../etc/evil.xml": b"<e/>", "dir/": b""}
    )
    assert list(contents(packed).items()) == [
        ("../../etc/evil.xml", b"<e/>"),
        ("a.xml", b"<a/>"),
        ("b/two.XML", b"<b/>"),
    ]


def test_equal_files_have_equal_checksums() -> None:
    members = list(xml_members(archive([zipped({"a.xml": b"<a/>", "b.xml": b"<b/>", "c.xml": b"<a/>"})])))
    assert [member.checksum for member in members][::2] == [members[0].checksum] * 2
    assert members[0].checksum != members[1].checksum


@pytest.mark.parametrize("content", [b"<a/>", b"\n <a/>", b"\xef\xbb\xbf<a/>"])
def test_a_file_that_is_xml_itself_is_its_only_member(content: bytes) -> None:
    assert contents(content) == {"": content}


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8b\x08"])
def test_what_is_no_zip_is_refused(content: bytes) -> None:
    with pytest.raises(UnfitError, match="not a zip"):
        contents(content)


@given(st.integers(0, 200), st.binary(min_size=1, max_size=8))
@settings(deadline=None, max_examples=150)
def test_a_damaged_zip_does_no_more_than_be_unfit(place: int, damage: bytes) -> None:
    whole = zipped({"a.xml": b"<a>" + b"x" * 50 + b"</a>", "b.xml": b"<b/>"})
    at = place % len(whole)
    try:
        contents(whole[:at] + damage + whole[at + len(damage) :])
        contents(whole[:at])
    except UnfitError:
        return


def test_a_zip_bomb_is_stopped_while_it_unfolds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MEMBERS_MOST", 3_000)
    packed = zipped({name: bytes(2_000) for name in ("a.xml", "b.xml", "c.xml")})
    sizes: list[int] = []

    def unfold() -> None:
        for member in xml_members(archive([packed])):
            sizes.append(0)
            while piece := member.stream.read(100):
                sizes[-1] += len(piece)

    with pytest.raises(UnfitError, match="come to more than"):
        unfold()
    assert sizes == [2_000, 1_000]


def test_no_member_is_opened_after_the_limit_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MEMBERS_MOST", 10)
    members = xml_members(archive([zipped({"a.xml": bytes(50), "b.xml": b""})]))
    with pytest.raises(UnfitError):
        next(members).stream.read()
    with pytest.raises(UnfitError):
        next(members)


@pytest.mark.parametrize(
    "says", ["the truth", "a small size", "a small size here, the true one there", "its end twice"]
)
def test_a_table_of_contents_out_of_proportion_is_refused_whatever_it_says(
    monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    monkeypatch.setattr(download, "FILES_MOST", 1_000)
    contents(zipped({f"{number}.xml": b"" for number in range(1_000)}))
    whole = bytearray(zipped({f"{number}.xml": b"" for number in range(1_001)}))
    end = whole.rindex(b"PK\x05\x06")
    size, start = struct.unpack("<2I", whole[end + 12 : end + 20])
    if says != "the truth":
        whole[end + 8 : end + 16] = struct.pack("<2HI", 1, 1, 100)
    if says.endswith("there"):
        record = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1_001, 1_001, size, start)
        whole[end:end] = record + struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    if says.endswith("twice"):
        whole[-6:-2] = b"PK\x05\x06"
    with pytest.raises(UnfitError, match="too many files"):
        contents(bytes(whole))


def test_entries_are_counted_where_the_file_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "FILES_MOST", 1)
    for place in range(8):
        packed = bytes(download.MIB - 100 - place) + zipped({"a.xml": b"", "b.xml": b""})
        with pytest.raises(UnfitError, match="too many files"):
            contents(b"PK" + packed)


def test_an_encrypted_member_is_unfit() -> None:
    whole = bytearray(zipped({"a.xml": b"<a/>"}))
    at = whole.rindex(b"PK\x01\x02")
    whole[at + 8] |= 1
    with pytest.raises(UnfitError, match="broken archive"):
        contents(bytes(whole))


def test_a_large_archive_is_closed_when_its_stream_breaks() -> None:
    def breaking() -> Iterator[bytes]:
        yield bytes(9 * 2**20)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        archive(breaking())
