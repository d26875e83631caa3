"""Who gets an answer: requests with the token, from the viewer's own page and under its own name."""

from __future__ import annotations

import pytest

from refsr.core.errors import UsageError
from refsr.view.safety import Access, require_loopback, without_paths


def test_without_the_token_nothing_is_answered(viewer):
    client = viewer()
    for path in (
        "/",
        "/assets/main.js",
        "/api/scene",
        "/api/tiles/1/0/0/0?bands=1&range=0,1",
        "/?token=",
        "/?token=wrong",
    ):
        answer = client(path, headers={})
        assert answer.status == 401, path
        assert client.access.token not in str(answer)
    assert client("/api/scene", headers={"Authorization": "token wrong"}).status == 401
    assert client("/api/scene", headers={"Cookie": f"{client.access.cookie}=wrong"}).status == 401
    assert client("/api/work", "POST", b"{}", headers={}).status == 401


def test_the_address_gives_a_cookie_and_leaves_the_token_out(viewer):
    client = viewer()
    answer = client(f"/?token={client.access.token}", headers={})
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    page = client("/", headers={"Cookie": cookie.partition(";")[0]})
    assert page.status == 200
    assert page.body.startswith(b"<!doctype html>")
    # The token opens the page, and nothing else by the address alone.
    assert client(f"/api/scene?token={client.access.token}", headers={}).status == 401


def test_foreign_names_and_pages_are_refused(viewer):
    client = viewer()
    token = {"Authorization": f"token {client.access.token}"}
    port = client.access.port
    for more in (
        {"Host": "evil.example"},
        {"Host": f"evil.example:{port}"},
        {"Host": f"127.0.0.1:{port + 1}"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"https://127.0.0.1:{port}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert client("/api/scene", headers=token | more).status == 403, more
    for more in (
        {"Host": f"localhost:{port}"},
        {"Origin": f"http://localhost:{port}"},
        {"Sec-Fetch-Site": "same-origin"},
    ):
        assert client("/api/scene", headers=token | more).status == 200, more


def test_every_answer_forbids_what_is_foreign(viewer):
    client = viewer()
    for path, headers in (("/", None), ("/api/scene", None), ("/nowhere", None), ("/", {})):
        found = client(path, headers=headers).headers
        assert "default-src 'none'" in found["content-security-policy"]
        assert "http" not in found["content-security-policy"]
        assert found["x-content-type-options"] == "nosniff"
        assert "server" not in found


@pytest.mark.parametrize(
    "path", ["/../state.py", "/assets/..%2fapp.py", "/assets/%2e%2e/app.py", "/assets/README.md", "/etc/passwd"]
)
def test_no_other_file_can_be_read(viewer, path):
    assert viewer()(path).status == 404


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("/home/someone/data/lr.tif: no such file", "lr.tif: no such file"),
        ("cannot read '/tmp/x y/z.tif'", "cannot read 'z.tif'"),
        (r"C:\Users\someone\lr.tif is damaged", "lr.tif is damaged"),
        ("1/4 of it, 10 m/pixel, EPSG:4326", "1/4 of it, 10 m/pixel, EPSG:4326"),
        ("https://server/a/b.tif", "https://server/a/b.tif"),
    ],
)
def test_messages_name_files_without_their_folders(text, without):
    assert without_paths(text) == without


def test_other_machines_are_let_in_on_request_alone():
    with pytest.raises(UsageError, match="--public"):
        require_loopback("0.0.0.0", public=False)
    require_loopback("0.0.0.0", public=True)
    require_loopback("localhost", public=False)


def test_every_viewer_has_a_token_of_its_own():
    first, second = Access("127.0.0.1", 1), Access("127.0.0.1", 1)
    assert first.token != second.token
    assert len(first.token) >= 32
    assert first.token not in repr(first)
