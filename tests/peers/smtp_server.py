#!/usr/bin/env python3
"""A real SMTP server (aiosmtpd) for the tests: STARTTLS required, AUTH required, each message printed as one JSON line.

usage: smtp_server.py PORT CERT KEY USER PASSWORD
       smtp_server.py PORT --plain          (neither TLS nor AUTH)
"""
import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Printer:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = [
            {"type": part.get_content_type(), "text": part.get_content()}
            for part in mail.walk()
            if not part.is_multipart()
        ]
        headers = {name.lower(): str(value) for name, value in mail.items()}
        user = getattr(session, "auth_data", None)
        print(json.dumps({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None,
            "user": user.decode() if isinstance(user, bytes) else user,
            "headers": headers,
            "content_type": mail.get_content_type(),
            "parts": parts,
        }), flush=True)
        return "250 taken"


async def main():
    port = int(sys.argv[1])
    options = {"hostname": "mail.test", "enable_SMTPUTF8": True}
    if sys.argv[2] != "--plain":
        cert, key, user, password = sys.argv[2:6]
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)

        def authenticate(server, session, envelope, mechanism, data):
            good = isinstance(data, LoginPassword) and data.login == user.encode() and data.password == password.encode()
            return AuthResult(success=good, handled=good, auth_data=data.login if good else None)

        options.update(tls_context=context, require_starttls=True, auth_required=True, authenticator=authenticate)
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Printer(), **options), "127.0.0.1", port)
    print(json.dumps({"listening": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


asyncio.run(main())
