"""E-mail against a real mail server, with and without TLS, and servers that hang, dribble or are none."""

import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from unicorn_assets.alerts.channels.email import Email
from unicorn_assets.alerts.groups import Group
from unicorn_assets.alerts.routes import Access
from unicorn_assets.settings import Route
from unicorn_assets_tests.alerts.making import alert, settings
from unicorn_assets_tests.alerts.servers import MailEndpoint, free_port

USER = ("robot", "pass-MARKER-77")


def group(*alerts, reached=()):
    return Group("key-1", "post", "ERROR", 1_790_000_000.0, 1, frozenset(reached), alerts or (alert(1),))


def channel(port, to=("ops@example.org",), access=None, seconds=3.0, host="127.0.0.1", **options):
    fields = {"name": "post", "kind": "email", "host": host, "port": port, "security": "none"}
    route = Route(**fields | {"sender": "unicorn@example.org", "to": to} | options)
    return Email(route, access or Access(), settings(timeout_seconds=seconds))


def test_a_letter_with_its_key_its_text_and_its_json():
    with MailEndpoint() as post:
        assert channel(post.port).send(group(alert(1, what="Größe 图像"), alert(2))).problem == ""
        (mail,) = post.mails
    message = mail.message
    assert message["Message-ID"] == "<key-1@unicorn-assets>"
    assert message["Idempotency-Key"] == "key-1"
    assert message["Subject"] == "[unicorn_assets] ERROR: 2 checks failed on expanded_captions"
    assert message["Date"] == "Mon, 21 Sep 2026 14:13:20 +0000"
    text = message.get_body().get_content()
    assert "expanded_captions [shard-0001]: Größe 图像 Found: share 0.31; limit 0.05. http://127" in text
    assert mail.ids == [alert(1).id, alert(2).id]


def test_each_receiver_gets_it_once_though_another_is_refused():
    with MailEndpoint(refuse={"gone@example.org": "550 no such user"}) as post:
        outcome = channel(post.port, to=("a@example.org", "gone@example.org", "b@example.org")).send(group())
        assert outcome.problem == "1 of 3 receivers are refused (SMTP 550)"
        assert outcome.reached == {"a@example.org", "b@example.org"}
        post.refuse.clear()
        again = group(reached=outcome.reached)
        assert channel(post.port, to=("a@example.org", "gone@example.org", "b@example.org")).send(again).problem == ""
        assert [mail.receivers[0] for mail in post.mails] == ["a@example.org", "b@example.org", "gone@example.org"]


def test_what_was_reached_before_the_connection_broke_is_remembered():
    def answer(mail):
        if len(post.mails) == 2:
            return "421 closing"
        return "250 OK"

    with MailEndpoint(answer) as post:
        outcome = channel(post.port, to=("a@example.org", "b@example.org")).send(group())
    assert outcome.problem == "it answers SMTP 421"
    assert outcome.reached == {"a@example.org"}


@pytest.mark.parametrize(("reply", "down"), [("451 later", True), ("554 never", False)])
def test_a_message_that_is_refused_is_told_from_a_server_that_is_down(reply, down):
    with MailEndpoint(lambda mail: reply) as post:
        outcome = channel(post.port).send(group())
    assert (outcome.problem, outcome.down) == (f"it answers SMTP {reply[:3]}", down)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context, folder / "cert.pem"


def test_a_password_goes_over_starttls(certificate, monkeypatch):
    context, authority = certificate
    access = Access(user=USER[0], password=USER[1])
    with MailEndpoint(user=USER, context=context) as post:
        refused = channel(post.port, access=access, security="starttls").send(group())
        assert refused.problem == "no secure connection (CERTIFICATE_VERIFY_FAILED)"
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert channel(post.port, access=access, security="starttls").send(group()).problem == ""
        wrong = Access(user=USER[0], password="another-MARKER")
        outcome = channel(post.port, access=wrong, security="starttls").send(group())
        assert outcome.problem == "it answers SMTP 535"
        assert len(post.mails) == 1


def test_a_server_without_starttls_is_not_talked_to():
    with MailEndpoint() as post:
        outcome = channel(post.port, security="starttls").send(group())
        assert outcome.problem.startswith("it offers no STARTTLS")
        assert post.mails == []


def test_a_password_is_never_sent_in_the_clear_to_another_machine(monkeypatch):
    real = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda where, *rest: real(("127.0.0.1", where[1]), *rest))
    with MailEndpoint() as post:
        access = Access(user=USER[0], password=USER[1])
        outcome = channel(post.port, access=access, host="mail.example.org").send(group())
        assert outcome.problem == 'security is "none", and a password would be readable on the way'
        assert post.mails == []


@contextmanager
def talking(say):
    """A server that says what it is told to, on every connection."""
    listener, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve():
        while not over.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                say(client, over)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def hang(client, over):
    over.wait(20)


def dribble(client, over):
    while not over.wait(0.1):
        try:
            client.sendall(b"220-wait\r\n")
        except OSError:
            return


def dribble_in_the_handshake(client, over):
    client.sendall(b"220 hello\r\n")
    client.recv(100)
    client.sendall(b"250-here\r\n250 STARTTLS\r\n")
    client.recv(100)
    client.sendall(b"220 go\r\n")
    client.recv(4000)
    client.sendall(b"\x16\x03\x03\x3f\xff")
    while not over.wait(0.1):
        try:
            client.sendall(b"x")
        except OSError:
            return


@pytest.mark.parametrize(
    ("say", "security"),
    [(hang, "none"), (dribble, "none"), (dribble_in_the_handshake, "starttls"), (hang, "tls")],
)
def test_a_server_that_hangs_or_dribbles_is_left_in_time(say, security):
    with talking(say) as port:
        start = time.monotonic()
        outcome = channel(port, seconds=0.6, security=security).send(group())
        assert time.monotonic() - start < 3
    assert (outcome.problem, outcome.down) == ("no answer within 0.6 s", True)


def test_a_name_that_is_found_too_late_sends_nothing_any_more(monkeypatch):
    """By then the next look may be sending the group."""
    real = socket.getaddrinfo

    def slow(*arguments, **options):
        time.sleep(0.8)
        return real(*arguments, **options)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        with monkeypatch.context() as patched:
            patched.setattr(socket, "getaddrinfo", slow)
            outcome = channel(listener.getsockname()[1], seconds=0.3).send(group())
        assert (outcome.problem, outcome.down) == ("no answer within 0.3 s", True)
        client, _ = listener.accept()
        with client:
            assert client.recv(100) == b""


def test_what_is_no_mail_server_is_named():
    assert channel(free_port()).send(group()).problem == "no connection (Connection refused)"
    with talking(lambda client, over: client.sendall(b"554 go away secret\r\n")) as port:
        assert channel(port).send(group()).problem == "it answers SMTP 554"
    with talking(lambda client, over: client.sendall(b"HTTP/1.1 400 Bad\r\n")) as port:
        outcome = channel(port).send(group())
        assert outcome.down
        assert "Bad" not in outcome.problem
