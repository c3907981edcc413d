"""E-mail over SMTP: one message for each receiver, so that a refused one does not make the others get it again.

`Message-ID` is made of the group's key, by which mail programs know a repeat. A password never goes over a connection
that others can read, but for one to this machine.
"""

import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import format_datetime

from unicorn_assets.alerts import message
from unicorn_assets.alerts.groups import Group, Outcome
from unicorn_assets.alerts.routes import Access
from unicorn_assets.settings import Alerts, Route

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Email:
    """A mail server and who gets mail by it.

    Args:
        route: server, sender and receivers.
        access: user and password, if the server wants them.
        settings: time-out, and where links lead.
    """

    def __init__(self, route: Route, access: Access, settings: Alerts) -> None:
        self._route, self._access = route, access
        self._seconds, self._web_url = settings.timeout_seconds, settings.web_url

    def send(self, group: Group) -> Outcome:
        """Sends the group to every receiver that has not got it yet."""
        reached = set(group.reached)
        refused: dict[str, int] = {}
        try:
            with self._session() as session:
                for receiver in self._route.to:
                    if receiver not in reached:
                        code = self._deliver(session, group, receiver)
                        if code:
                            refused[receiver] = code
                        else:
                            reached.add(receiver)
        except _RefusalError as error:
            return Outcome(str(error), down=error.down, reached=frozenset(reached))
        if refused:
            codes = ", ".join(sorted({str(code) for code in refused.values()}))
            problem = f"{len(refused)} of {len(self._route.to)} receivers are refused (SMTP {codes})"
            return Outcome(problem, reached=frozenset(reached))
        return Outcome(reached=frozenset(reached))

    def _deliver(self, session: smtplib.SMTP, group: Group, receiver: str) -> int:
        """Sends one message; returns 0, or the code of the server that refuses the receiver."""
        mail = self.letter(group, receiver)
        try:
            session.send_message(mail, self._route.sender, [receiver])
        except smtplib.SMTPRecipientsRefused as error:
            return next(iter(error.recipients.values()))[0]
        return 0

    def letter(self, group: Group, receiver: str) -> EmailMessage:
        """The message to one receiver."""
        mail = EmailMessage()
        mail["Subject"] = f"[unicorn_assets] {message.summary(group)}"
        mail["From"], mail["To"] = self._route.sender, receiver
        mail["Date"] = format_datetime(message.moment(group.frozen_at))
        mail["Message-ID"] = f"<{group.key}@unicorn-assets>"
        mail["Idempotency-Key"] = group.key
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.letter(group, self._web_url))
        table = message.json_text(message.table(group, self._web_url))
        mail.add_attachment(table, "application", "json", filename=f"{group.key}.json")
        return mail

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """A session with the server, cut off when its time is over.

        Raises:
            _RefusalError: the server cannot be reached, or does not take us or our message; names no secret.
        """
        session = _Session(self._route.host, self._route.security == "tls", self._seconds)
        try:
            self._greet(session)
            yield session
            session.quit_quietly()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            if session.late:
                raise _RefusalError(f"no answer within {self._seconds:g} s") from None
            raise _explained(error) from None
        finally:
            session.end()

    def _greet(self, session: smtplib.SMTP) -> None:
        code, _ = session.connect(self._route.host, self._route.port)
        if code != 220:
            raise smtplib.SMTPResponseException(code, b"")
        session.ehlo_or_helo_if_needed()
        if self._route.security == "starttls":
            if not session.has_extn("starttls"):
                raise _RefusalError("it offers no STARTTLS, and the route's security asks for it")
            session.starttls(context=ssl.create_default_context())
            session.ehlo()
        if self._access.user:
            if self._route.security == "none" and self._route.host not in LOOPBACK:
                raise _RefusalError('security is "none", and a password would be readable on the way')
            session.login(self._access.user, self._access.password)


class _RefusalError(Exception):
    """Why a session cannot go on, in words that may be shown; and whether the server seems to be down."""

    def __init__(self, why: str, *, down: bool = True) -> None:
        super().__init__(why)
        self.down = down


class _Session(smtplib.SMTP):
    """An SMTP session with one limit of time for all of it, whatever the server dribbles."""

    def __init__(self, host: str, secure: bool, seconds: float) -> None:
        # The socket's own limit holds for each step alone; it comes later, so that it is always clear which one held.
        super().__init__(timeout=seconds + 1)
        self._host = host  # where `starttls` looks for the name that the certificate must have
        self.late = False
        self._secure = secure
        self._spare: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        opened = socket.create_connection((host, port), timeout)
        # A second handle on the connection, since the first one changes when it becomes a secure one.
        self._spare = opened.dup()
        if self.late:  # there was nothing to cut yet
            opened.close()
            raise TimeoutError
        return ssl.create_default_context().wrap_socket(opened, server_hostname=host) if self._secure else opened

    def _cut(self) -> None:
        """Ends whatever waits for the server."""
        self.late = True
        if self._spare is not None:
            with suppress(OSError):
                self._spare.shutdown(socket.SHUT_RDWR)

    def quit_quietly(self) -> None:
        """Takes leave; what was sent has been accepted, however the server takes that."""
        with suppress(smtplib.SMTPException, OSError):
            self.quit()

    def end(self) -> None:
        """Closes the connection."""
        self._timer.cancel()
        self.close()
        if self._spare is not None:
            self._spare.close()


def _explained(error: Exception) -> _RefusalError:
    """The reason in our own words: what the server says may hold what it was sent."""
    if isinstance(error, smtplib.SMTPResponseException):
        return _RefusalError(f"it answers SMTP {error.smtp_code}", down=error.smtp_code < 500)
    if isinstance(error, ssl.SSLError):
        return _RefusalError(f"no secure connection ({error.reason or type(error).__name__})")
    if isinstance(error, OSError) and error.strerror and not isinstance(error, smtplib.SMTPException):
        return _RefusalError(f"no connection ({error.strerror})")
    return _RefusalError(f"no usable answer ({type(error).__name__})")
