"""Forms as clients send them: names of files in any encoding, text in UTF-8 only."""

from typing import Any

import pytest
from django.core.files.uploadedfile import UploadedFile
from django.http.multipartparser import MultiPartParserError
from django.test import RequestFactory

CONTENT = b"\x89PNG\r\n\x1a\n\xff\xfe"


def parse(*parts: bytes) -> tuple[Any, Any]:
    body = b"".join(b"--line\r\n" + part + b"\r\n" for part in parts) + b"--line--\r\n"
    request = RequestFactory().generic("POST", "/", body, "multipart/form-data; boundary=line")
    return request.POST, request.FILES


def file_part(disposition: bytes, headers: bytes = b"Content-Type: image/png\r\n") -> bytes:
    return b'Content-Disposition: form-data; name="image"' + disposition + b"\r\n" + headers + b"\r\n" + CONTENT


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b'; filename="a.png"', "a.png"),
        (b'; filename="cafe\xcc\x81.png"', "café.png"),
        ('; filename="图片.png"'.encode(), "图片.png"),
        ('; filename="图片.png"'.encode("gbk"), None),
        ('; filename="café.png"'.encode("latin-1"), "caf.png"),
        ('; filename="表.png"'.encode("shift-jis"), None),
        ('; filename="表"'.encode("shift-jis"), None),
        ('; filename="фото.png"'.encode("cp1251"), None),
        ('; filename="許.png"'.encode("big5"), None),
        (b"; filename*=UTF-8''%E5%9B%BE.png", "图.png"),
        (b"; filename*=undefined''%E5.png", "file"),
        (b"; filename*=GBK''%CD%BC.png", "file"),
        (b'; filename=""', "file"),
        (b"", "file"),
        (b'; filename="."', "file"),
        (b'; filename=".."', "file"),
        (b'; filename="&#46;."', "_#46;"),
        (b'; filename="/"', "file"),
        (b'; filename="C:\\pics\\x.png"', "x.png"),
        (b'; filename="..\\..\\x.png"', "x.png"),
        (b"; filename=my picture.png", "my picture.png"),
        (b"; filename=x.png; size=3", "x.png"),
        (b'; filename="say \\"hi\\".png"', "say _hi_.png"),
        (b'; filename="' + b"x" * 230 + b'.png"', "x" * 150 + ".png"),
        (b'; filename="a.' + b"x" * 230 + b'"', "a." + "x" * 148),
        (b"; filename*=UTF-8''" + b"%E5%9B%BE" * 230, "图" * 150),
    ],
)
def test_a_file_arrives_whatever_its_name_is(disposition: bytes, name: str | None) -> None:
    fields, files = parse(file_part(disposition), b'Content-Disposition: form-data; name="prompt"\r\n\r\nrain')

    file: UploadedFile = files["image"]
    assert file.read() == CONTENT
    assert name is None or file.name == name
    assert fields["prompt"] == "rain"


@pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable"])
def test_text_in_a_transfer_encoding_is_refused(encoding: bytes) -> None:
    part = b'Content-Disposition: form-data; name="prompt"\r\nContent-Transfer-Encoding: ' + encoding
    with pytest.raises(MultiPartParserError, match="Content-Transfer-Encoding"):
        parse(part + b"\r\n\r\nz7LRqQ==")


def test_a_part_in_binary_without_a_name_is_a_file() -> None:
    _, files = parse(file_part(b"", b"Content-Type: application/octet-stream\r\n"))
    assert files["image"].read() == CONTENT


def test_the_empty_part_of_a_browser_is_no_file() -> None:
    fields, files = parse(
        b'Content-Disposition: form-data; name="image"; filename=""\r\nContent-Type: application/octet-stream\r\n\r\n'
    )
    assert not files
    assert fields["image"] == ""


@pytest.mark.parametrize("text", ["下雪".encode("gbk"), "é".encode("latin-1"), b"half \xe4\xb8"])
def test_text_that_is_not_utf8_is_an_error(text: bytes) -> None:
    with pytest.raises(MultiPartParserError, match="UTF-8"):
        parse(b'Content-Disposition: form-data; name="prompt"\r\n\r\n' + text)
    with pytest.raises(MultiPartParserError, match="UTF-8"):
        parse(b'Content-Disposition: form-data; name="' + text + b'"\r\n\r\nrain')


def test_a_replacement_character_that_was_sent_is_text() -> None:
    fields, _ = parse(b'Content-Disposition: form-data; name="prompt"\r\n\r\n\xef\xbf\xbd')
    assert fields["prompt"] == "\ufffd"


def test_very_long_headers_are_an_error() -> None:
    with pytest.raises(MultiPartParserError, match="header"):
        parse(file_part(b'; filename="' + b"x" * 9000 + b'"'))
