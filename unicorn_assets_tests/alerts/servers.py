"""Real endpoints on loopback: an HTTP server that fails as it is told to, and a mail server by aiosmtpd."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class HttpEndpoint:
    """A webhook's server.

    Args:
        answer: called with a `Request`; returns a status, or a status with headers. `hang`, `dribble` and `drop` are
            ways to answer badly.
    """

    def __init__(self, answer=lambda request: 200):
        self.answer = answer
        self.requests = []
        self.lock = threading.Lock()
        self.closing = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = Request(self.path, dict(self.headers), body)
                with endpoint.lock:
                    endpoint.requests.append(request)
                status = endpoint.answer(request)
                request.status = status
                if status in ("hang", "dribble", "drop"):
                    return self.badly(status)
                status, headers = status if isinstance(status, tuple) else (status, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")
                return None

            do_GET = do_POST

            def badly(self, how):
                self.close_connection = True
                while how != "drop" and not endpoint.closing.wait(0.1):
                    if how == "dribble":
                        try:
                            self.wfile.write(b"H")
                        except OSError:
                            return

            def log_message(self, *arguments):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request, address):
                pass  # the client was killed

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *raised):
        self.closing.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def keys(self):
        return Counter(request.key for request in self.requests)

    def arrived(self):
        """Ids of the alerts in requests that were answered with 2xx."""
        return Counter(one for request in self.requests if request.status == 200 for one in request.ids)


class Request:
    def __init__(self, path, headers, body):
        self.path, self.headers, self.body, self.status = path, headers, body, None
        self.at = time.monotonic()

    @property
    def key(self):
        return self.headers["Idempotency-Key"]

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def ids(self):
        return [alert["id"] for alert in self.json["alerts"]]


class MailEndpoint:
    """A mail server.

    Args:
        answer: called with sender, receivers and the message's bytes; returns the server's reply.
        refuse: receivers that are refused, with the reply.
        user: the only user that is let in, with the password; nobody needs to say who he is if None.
        context: TLS context for STARTTLS.
    """

    def __init__(self, answer=lambda mail: "250 OK", refuse=None, user=None, context=None):
        self.answer, self.refuse, self.user = answer, refuse or {}, user
        self.mails = []
        options = {"tls_context": context, "require_starttls": True} if context else {}
        if user:
            options |= {"auth_required": True, "auth_require_tls": bool(context), "authenticator": self._let_in}
        # A number of its own for the port is taken by the system.
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port(), **options)

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        mail = Mail(envelope.mail_from, tuple(envelope.rcpt_tos), envelope.content)
        self.mails.append(mail)
        mail.reply = self.answer(mail)
        return mail.reply

    def _let_in(self, server, session, envelope, mechanism, data):
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self.user, handled=given == self.user)

    @property
    def port(self):
        return self.controller.port

    def __enter__(self):
        self.controller.start()
        return self

    def __exit__(self, *raised):
        self.controller.stop()

    def arrived(self):
        return Counter(one for mail in self.mails if mail.reply.startswith("250") for one in mail.ids)


class Mail:
    def __init__(self, sender, receivers, content):
        self.sender, self.receivers, self.content, self.reply = sender, receivers, content, ""

    @property
    def message(self):
        import email.policy

        return email.message_from_bytes(self.content, policy=email.policy.default)

    @property
    def key(self):
        return self.message["Message-ID"]

    @property
    def json(self):
        (attached,) = self.message.iter_attachments()
        return json.loads(attached.get_content())

    @property
    def ids(self):
        return [alert["id"] for alert in self.json["alerts"]]


def free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
