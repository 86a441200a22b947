"""A browser without script: one page at a time, its forms, its cookies, as strict about both as browsers are."""

import html.parser
import re
import urllib.parse

from api import Connection


class Page(html.parser.HTMLParser):
    """What is on a page: text as people read it, fields of its forms, words that belong to a field."""

    def __init__(self, text):
        super().__init__()
        self.source, self.fields, self.ids, self.labels, self.links = text, {}, {}, set(), []
        self.open, self.choice, self.buttons = [], None, []
        self.feed(text)
        self.text = " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", text, flags=re.S).split())
        for entity, char in (("&quot;", '"'), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
            self.text = self.text.replace(entity, char)

    def handle_starttag(self, tag, attrs):
        at = dict(attrs)
        if "id" in at:
            self.ids[at["id"]] = ""
            self.open.append((tag, at["id"]))
        else:
            self.open.append((tag, None))
        if tag in ("input", "meta"):
            self.open.pop()
        if tag == "input":
            kind = at.get("type", "text")
            if kind != "radio" or "checked" in at:
                self.fields[at["name"]] = at.get("value", "")
            elif at["name"] not in self.fields:
                self.fields[at["name"]] = None
            if any(name == "label" for name, _ in self.open):
                self.labels.add(at["name"])
        if tag == "select":
            self.choice = at["name"]
        if tag == "option" and ("selected" in at or self.choice not in self.fields):
            self.fields[self.choice] = at["value"]
        if tag == "label" and "for" in at:
            self.labels.add(at["for"])
        if tag == "button":
            self.buttons.append(at.get("value"))
        if tag == "a":
            self.links.append(at["href"])

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        for _, name in self.open:
            if name:
                self.ids[name] += data

    def problem(self, field):
        """What is said to be wrong at a field."""
        return self.ids.get(f"{field}-problem", "").strip()


class Browser:
    """One browser somewhere in the network of a rig. `page` is what it shows, `seen` all that it was sent."""

    def __init__(self, address, namespace, timeout=60):
        self.address, self.namespace, self.timeout = address, namespace, timeout
        self.cookies, self.headers, self.page, self.seen = {}, {}, None, ""
        self.connection = None

    def request(self, method, target, body=None, headers=None):
        """(status, text); a new connection each time, as after a pause."""
        self.close()
        self.connection = Connection(self.address, self.namespace, timeout=self.timeout)
        self.connection.request(method, target, body, headers or {})
        response = self.connection.getresponse()
        self.headers = dict(response.getheaders())
        cookie = self.headers.get("Set-Cookie")
        if cookie:
            pair, *flags = [part.strip() for part in cookie.split(";")]
            assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(flags), cookie
            self.cookies.update([pair.split("=", 1)])
        text = response.read().decode()
        self.seen += text
        return response.status, text

    def _cookie(self):
        return {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())} if self.cookies else {}

    def get(self):
        """Shows the page anew."""
        status, text = self.request("GET", "/", headers=self._cookie())
        assert status == 200, text
        self.page = Page(text)
        return self.page

    def send(self, act, **fields):
        """Presses the button `act` of the page, with these fields changed."""
        assert act in self.page.buttons, f"{act}: {self.page.text}"
        unknown = {name.replace("_AGAIN", "-again") for name in fields} - set(self.page.fields)
        assert not unknown, f"no field {unknown}: {self.page.text}"
        values = {k: v for k, v in self.page.fields.items() if v is not None}
        values.update({k.replace("_AGAIN", "-again"): v for k, v in fields.items()}, do=act)
        status, text = self.request("POST", "/", urllib.parse.urlencode(values), {
            **self._cookie(), "Content-Type": "application/x-www-form-urlencoded", "Origin": f"https://{self.address}"})
        assert status == 200, text
        self.page = Page(text)
        return self.page

    def claim(self, code):
        """Types the claim code."""
        self.get()
        return self.send("claim", code=code)

    def close(self):
        """Closes its connection."""
        if self.connection:
            self.connection.close()
