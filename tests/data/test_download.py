"""Archives from a server on this machine: whole, continued, changed meanwhile, damaged, and not there."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fake_raw_data import write_zip
from test_prepare import MODELNET, modelnet_files, modelnet_text

from geolearn.data import download_dataset, prepare_dataset
from geolearn.data.manifest import load_manifest
from geolearn.data.places import find_raw
from geolearn.errors import DatasetError

DATA = bytes(range(256)) * 5000
DIGEST = hashlib.sha256(DATA).hexdigest()


class Server(ThreadingHTTPServer):
    """Offers `content` under any path; `breaks` cuts the next answer in half."""

    content, tag, kind, breaks, ranges, status = DATA, '"one"', "application/zip", False, True, 200

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/ModelNet10.zip"


class Answers(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        if server.status != 200:
            self.send_error(server.status)
            return
        start = 0
        if wanted and server.ranges and self.headers.get("If-Range") == server.tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        body = server.content[start:]
        if start and not body:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        self.send_header("Content-Type", server.kind)
        self.send_header("Content-Length", str(len(body)))
        if server.tag:
            self.send_header("ETag", server.tag)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if server.breaks else body)
        server.breaks = False

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    with Server() as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def dataset(server, small_dataset):
    """`dataset(sha256)` writes the manifest."""

    def make(sha256=DIGEST):
        fields = f'filename = "ModelNet10.zip", url = "{server.url}", folder = "ModelNet10", sha256 = "{sha256}"'
        return small_dataset("modelnet10", modelnet_text(MODELNET, f"[{{ {fields} }}]"))

    make()
    return make


def names(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_a_whole_archive_is_found_by_prepare(server, dataset, tmp_path, home):
    made = write_zip(tmp_path / "made.zip", modelnet_files())
    server.content = made.read_bytes()
    dataset(hashlib.sha256(server.content).hexdigest())
    path = download_dataset("modelnet10")
    assert path == home / "raw" / "ModelNet10.zip"
    assert path.read_bytes() == server.content
    assert names(path.parent) == ["ModelNet10.zip"]
    assert find_raw(load_manifest("modelnet10")) == path
    assert (prepare_dataset("modelnet10") / "index.json").is_file()
    download_dataset("modelnet10")
    assert server.asked == [None]  # nothing is asked for twice


def test_what_broke_off_is_continued(server, dataset, tmp_path):
    server.breaks = True
    half = len(DATA) // 2
    with pytest.raises(
        DatasetError, match=rf"could not be downloaded .*; {half:,} bytes are kept; run the command again"
    ):
        download_dataset("modelnet10", tmp_path / "to")
    assert names(tmp_path / "to") == [".ModelNet10.zip.part", ".ModelNet10.zip.part.tag"]
    path = download_dataset("modelnet10", tmp_path / "to")
    assert path.read_bytes() == DATA
    assert server.asked == [None, f"bytes={half}-"]
    assert names(tmp_path / "to") == ["ModelNet10.zip"]


@pytest.mark.parametrize("change", [{"tag": '"two"'}, {"ranges": False}], ids=["another version", "no ranges"])
def test_another_version_or_a_server_without_ranges_begins_anew(change, server, dataset, tmp_path):
    dataset("")
    server.content = DATA[::-1]
    server.breaks = True
    with pytest.raises(DatasetError, match="run the command again"):
        download_dataset("modelnet10", tmp_path)
    server.content = DATA
    for name, value in change.items():
        setattr(server, name, value)
    assert download_dataset("modelnet10", tmp_path).read_bytes() == DATA


def test_without_a_name_of_its_version_nothing_is_continued(server, dataset, tmp_path):
    server.tag, server.breaks = "", True
    with pytest.raises(DatasetError, match="run the command again"):
        download_dataset("modelnet10", tmp_path)
    assert download_dataset("modelnet10", tmp_path).read_bytes() == DATA
    assert server.asked == [None, None]


def test_a_download_that_was_complete_but_not_renamed(server, dataset, tmp_path):
    (tmp_path / ".ModelNet10.zip.part").write_bytes(DATA)
    (tmp_path / ".ModelNet10.zip.part.tag").write_text(server.tag)
    assert download_dataset("modelnet10", tmp_path).read_bytes() == DATA


def test_a_wrong_checksum_is_not_kept(server, dataset, tmp_path):
    server.content = DATA[:-1]
    with pytest.raises(DatasetError, match=r"sha256 is [0-9a-f]{64}, expected [0-9a-f]{64}.* and is not kept"):
        download_dataset("modelnet10", tmp_path / "to")
    assert names(tmp_path / "to") == []


def test_a_web_page_is_no_archive(server, dataset, tmp_path):
    server.kind = "text/html; charset=utf-8"
    with pytest.raises(DatasetError, match="expected an archive, got a web page; open it in a browser"):
        download_dataset("modelnet10", tmp_path / "to")
    assert names(tmp_path / "to") == []


def test_a_server_that_does_not_have_it_or_is_not_there(server, dataset, tmp_path):
    server.status = 404
    with pytest.raises(
        DatasetError, match=r"could not be downloaded \(Not Found\); run the command again.*or get Model"
    ):
        download_dataset("modelnet10", tmp_path / "to")
    server.shutdown()
    server.server_close()
    with pytest.raises(DatasetError, match=r"could not be downloaded \(.*refused\); run the command again"):
        download_dataset("modelnet10", tmp_path / "to")


def test_where_no_address_is_known(small_dataset, tmp_path):
    small_dataset("modelnet10", modelnet_text(MODELNET, '[{ filename = "ModelNet10.zip" }]'))
    with pytest.raises(
        DatasetError, match=r"no address is known.*; get ModelNet10\.zip .*data prepare modelnet10 --from"
    ):
        download_dataset("modelnet10")
    small_dataset(
        "modelnet10", modelnet_text(MODELNET, '[{ filename = "ModelNet10.zip", url = "file:///etc/passwd" }]')
    )
    with pytest.raises(DatasetError, match="expected an address that begins with http, got 'file:"):
        download_dataset("modelnet10", tmp_path)
